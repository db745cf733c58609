"""Symmetries of a relaxation: they merge moments and split its matrices into sectors."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.security.npa.problem import Polynomial
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.words import Word, moment_of

Integers = NDArray[np.int64]
Real = NDArray[np.float64]
Half = tuple[tuple[int, ...], tuple[int, ...]]


class Relabelling(NamedTuple):
    """Other names for a party's inputs and outcomes: new index and sign for each observable."""

    alice: Half
    bob: Half

    def __call__(self, word: Word) -> tuple[Word, int]:
        """Returns what becomes of a word, and its sign."""
        (to_a, sign_a), (to_b, sign_b) = self.alice, self.bob
        a, b, y = word
        sign = 1
        for index in a:
            sign *= sign_a[index]
        for index in b:
            sign *= sign_b[index]
        return (tuple(to_a[i] for i in a), tuple(to_b[i] for i in b), y), sign


def symmetries(relaxation: Relaxation) -> list[Relabelling]:
    """Returns commuting relabellings, each its own inverse, that leave the problem as it is."""
    problem = relaxation.problem
    fixed: list[Polynomial] = [
        {word: Fraction(value) for word, value in one.terms} for one in problem.constraints
    ]
    for _, key in problem.keys:
        fixed += [key.kept(), key.difference()]
    found: list[Relabelling] = []
    for one in _relabellings(problem.inputs):
        if (
            all(_leaves(one, polynomial) for polynomial in fixed)
            and _undoes(one, one, problem.inputs)
            and all(_commute(one, other, problem.inputs) for other in found)
        ):
            found.append(one)
    return _independent(found, relaxation)


def sectors(relaxation: Relaxation, group: list[Relabelling]) -> list[Real]:
    """Returns orthonormal bases, shape (words, dimension), that split the matrix into sectors.

    Matrices that the group leaves as they are have no entry between two of them.
    """
    words = relaxation.matrix.words
    place = {word: row for row, word in enumerate(words)}
    actions = []
    for one in group:
        action = np.zeros((len(words), len(words)))
        for row, word in enumerate(words):
            image, sign = one(word)
            action[place[image], row] = sign
        actions.append(action)
    bases = []
    for signs in product((1, -1), repeat=len(group)):
        projector = np.eye(len(words))
        for sign, action in zip(signs, actions, strict=True):
            projector = projector @ (np.eye(len(words)) + sign * action) / 2
        columns, seen = [], np.zeros(len(words), dtype=bool)
        for column in projector.T:
            support = column != 0
            if support.any() and not (seen & support).any():
                columns.append(column / np.linalg.norm(column))
                seen |= support
        if columns:
            bases.append(np.array(columns).T)
    return bases


def orbits(relaxation: Relaxation, group: list[Relabelling]) -> Real:
    """Returns the moments in terms of those that remain, entries +1, -1 and 0.

    Its shape is (moments, remaining). <1> is the first of those that remain; moments that vanish
    have rows of 0.
    """
    size = relaxation.size
    zero = np.zeros(size, dtype=bool)
    zero[relaxation.vanishing] = True
    root, sign = np.arange(size, dtype=np.int64), np.ones(size)
    words = list(relaxation.matrix.moments)
    for one in group:
        for number, block in enumerate(relaxation.blocks):
            for place, word in enumerate(words):
                image, turned = one(word)
                mine = int(block.ids[place])
                its = relaxation.moment(moment_of(image), number)
                _merge(mine, its, turned, root, sign, zero)
    dead = np.isin(root, root[zero])
    remaining, column = np.unique(root[~dead], return_inverse=True)
    table = np.zeros((size, len(remaining)))
    table[np.flatnonzero(~dead), column] = sign[~dead]
    return table


def _merge(
    mine: int, its: int, turned: int, root: Integers, sign: Real, zero: NDArray[np.bool_]
) -> None:
    """Makes two moments one: mine = turned x its."""
    if root[mine] == root[its]:
        zero[mine] |= sign[mine] != turned * sign[its]
        return
    keep, drop = sorted((root[mine], root[its]))
    factor = sign[mine] * turned * sign[its]
    moved = root == drop
    root[moved] = keep
    sign[moved] *= factor


def _relabellings(inputs: tuple[int, int]) -> Iterator[Relabelling]:
    halves = [
        [
            (order, signs)
            for order in permutations(range(count))
            for signs in product((1, -1), repeat=count)
        ]
        for count in inputs
    ]
    for one, other in product(*halves):
        yield Relabelling(one, other)


def _leaves(one: Relabelling, polynomial: Polynomial) -> bool:
    image: Polynomial = {}
    for word, coefficient in polynomial.items():
        name, sign = one(word)
        image[name] = sign * coefficient
    return image == polynomial


def _letters(inputs: tuple[int, int]) -> list[Word]:
    return [((x,), (), ()) for x in range(inputs[0])] + [((), (y,), ()) for y in range(inputs[1])]


def _after(one: Relabelling, other: Relabelling, word: Word) -> tuple[Word, int]:
    middle, sign = other(word)
    image, turned = one(middle)
    return image, sign * turned


def _undoes(one: Relabelling, other: Relabelling, inputs: tuple[int, int]) -> bool:
    return all(_after(one, other, word) == (word, 1) for word in _letters(inputs))


def _commute(one: Relabelling, other: Relabelling, inputs: tuple[int, int]) -> bool:
    return all(_after(one, other, word) == _after(other, one, word) for word in _letters(inputs))


def _independent(found: list[Relabelling], relaxation: Relaxation) -> list[Relabelling]:
    """Drops the identity and products of others."""
    letters = _letters(relaxation.problem.inputs)
    reached = {tuple((word, 1) for word in letters)}
    kept = []
    for one in found:
        if tuple(one(word) for word in letters) in reached:
            continue
        kept.append(one)
        for known in list(reached):
            images = []
            for word, sign in known:
                image, turned = one(word)
                images.append((image, sign * turned))
            reached.add(tuple(images))
    return kept
