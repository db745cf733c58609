r"""The semidefinite relaxation of an entropy problem: moments, objective, bounds on moments.

With Y = (Z + 1/(1+t))/(1-2q) for Eve's operator Z, the entropy bound of Brown, Fawzi and Fawzi is

.. math:: p_V H(A|E) \ge \sum_i \frac{w_i}{t_i \ln 2} \Big[ \frac{t_i}{1 + t_i} \langle K \rangle
    + (1-2q)^2 \inf \sum_a \frac{t_i}{1 + t_i} a \langle D (Y_a + Y_a^*) \rangle
    + (1 - t_i) \langle M_a Y_a^* Y_a \rangle + t_i \langle K Y_a Y_a^* \rangle \Big],

with K, D and M_a of ``RawKey``; the node t = 1 is bounded by hand. Without post-selection K = 1,
D is Alice's observable and the share of kept rounds p_V is 1. Noise leaves the infimum for the
factor before it, so that entropies close to 1 keep their digits.

Write sigma for what Eve holds of kept rounds and Delta for the difference between the outcomes'.
The best Y solves (1-t) Y rho + t sigma Y = -t Delta/(1+t), rho = (sigma + a (1-2q) Delta)/2, so
that moments of Y are bounded (Tr sigma <= 1, and sigma >= the least chance of keeping times all
that Eve holds):

.. math:: \langle YY^* \rangle_\sigma \le \frac{1}{(1+t)^2}, \quad \|Y\| \le \min\Big\{
    \frac{t}{1+t} \frac{1}{2\sqrt{t(1-t)q}},
    \frac{1}{1-2q} \Big[ \frac{1}{2\sqrt{t(1-t)}} + \frac{1}{1+t} \Big] \Big\} .

The first follows from the value at the optimum by the inequality of Cauchy and Schwarz; the second
from Y as an integral of exp(-s t sigma) Delta exp(-s (1-t) rho) over s, likewise.

References:
    Brown, Fawzi and Fawzi, arXiv 2106.13692; Navascues, Pironio and Acin, arXiv 0803.4290.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.security.npa.problem import Polynomial, Problem, RawKey
from qnetsim.security.npa.words import (
    ONE,
    Y_ADJOINT,
    Word,
    Y,
    adjoint,
    moment_of,
    multiply,
    words_of,
)

Integers = NDArray[np.int64]
Real = NDArray[np.float64]


class MomentMatrix(NamedTuple):
    """Which moment stands where in a matrix of <u* v> over words u and v.

    Attributes:
        words: of the rows, n of them.
        moments: the distinct moments, <1> first.
        of_entry: which moment each entry is, shape (n, n), symmetric.
    """

    words: list[Word]
    moments: dict[Word, int]
    of_entry: Integers


def moment_matrix(words: list[Word]) -> MomentMatrix:
    """Returns the real moment matrix over some words."""
    moments = {ONE: 0}
    index = np.zeros((len(words), len(words)), dtype=np.int64)
    lefts = [adjoint(word) for word in words]
    for row, left in enumerate(lefts):
        for column in range(row, len(words)):
            moment = moment_of(multiply(left, words[column]))
            index[row, column] = index[column, row] = moments.setdefault(moment, len(moments))
    return MomentMatrix(words, moments, index)


class Block(NamedTuple):
    """One moment matrix of a relaxation: that of one outcome of one raw key.

    Attributes:
        key: the raw key.
        outcome: +1 or -1.
        weight: how much its objective counts.
        ids: the relaxation's moment for each of the matrix's, those without Y shared by all blocks.
    """

    key: RawKey
    outcome: int
    weight: Fraction
    ids: Integers


@dataclass(frozen=True)
class Relaxation:
    """The semidefinite relaxation of a problem.

    Where nothing tells an outcome from its opposite (correlators alone are known, nothing is
    post-selected), turning all outcomes over maps one outcome's matrix on the other's: one matrix
    of either stands for both and odd moments of the parties vanish.
    """

    problem: Problem

    @cached_property
    def matrix(self) -> MomentMatrix:
        """The moment matrix that every block shares."""
        base = words_of(self.problem.level, self.problem.inputs)
        return moment_matrix([multiply(word, eve) for eve in (ONE, Y, Y_ADJOINT) for word in base])

    @cached_property
    def turned_over(self) -> bool:
        """Whether one outcome's matrix stands for both."""
        known = [word for one in self.problem.constraints for word, _ in one.terms]
        plain = all(key.kept_alice == key.kept_bob == (1.0, 1.0) for _, key in self.problem.keys)
        return plain and not any(_is_odd(word) for word in known)

    @cached_property
    def scale(self) -> Fraction:
        """The largest (1-2q)^2, by which the blocks' weights are divided."""
        return max(key.contrast for _, key in self.problem.keys) ** 2

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The moment matrices, one for each raw key and outcome."""
        with_eve = np.array([bool(word[2]) for word in self.matrix.moments])
        shared, own = np.flatnonzero(~with_eve), np.flatnonzero(with_eve)
        blocks: list[Block] = []
        for share, key in self.problem.keys:
            weight = Fraction(share) * key.contrast**2 / self.scale
            for outcome in (1,) if self.turned_over else (1, -1):
                ids = np.zeros(len(with_eve), dtype=np.int64)
                ids[shared] = np.arange(len(shared))
                ids[own] = len(shared) + len(blocks) * len(own) + np.arange(len(own))
                blocks.append(Block(key, outcome, weight * (1 + self.turned_over), ids))
        return tuple(blocks)

    @cached_property
    def size(self) -> int:
        """How many moments there are."""
        return 1 + max(int(block.ids.max()) for block in self.blocks)

    def moment(self, word: Word, block: int = 0) -> int:
        """Returns which moment a word's mean is.

        Raises:
            ValueError: the level's matrix does not have it.
        """
        place = self.matrix.moments.get(moment_of(word))
        if place is None:
            raise ValueError(f"level {self.problem.level} has too few words for this problem")
        return int(self.blocks[block].ids[place])

    @cached_property
    def vanishing(self) -> Integers:
        """Moments that are 0 by symmetry."""
        if not self.turned_over:
            return np.zeros(0, dtype=np.int64)
        odd = [w for w in self.matrix.moments if not w[2] and _is_odd(w)]
        return np.array([self.moment(word) for word in odd], dtype=np.int64)

    @cached_property
    def known(self) -> Real:
        """Coefficients of the constraints, shape (constraints, moments)."""
        rows = np.zeros((len(self.problem.constraints), self.size))
        for row, constraint in zip(rows, self.problem.constraints, strict=True):
            for word, coefficient in constraint.terms:
                row[self.moment(word)] += coefficient
        return rows

    def objective(self, t: Fraction) -> Mapping[int, Fraction]:
        """Returns the coefficients of moments under the infimum at a node, over ``scale``.

        They are computed once for each node.
        """
        if t not in self._objectives:
            self._objectives[t] = MappingProxyType(self._objective(t))
        return self._objectives[t]

    @cached_property
    def _objectives(self) -> dict[Fraction, Mapping[int, Fraction]]:
        return {}

    def _objective(self, t: Fraction) -> dict[int, Fraction]:
        sums: dict[int, Fraction] = {}
        for number, block in enumerate(self.blocks):
            key, weight = block.key, block.weight
            half = weight * (1 - t) / 2
            bit = block.outcome * key.contrast
            parts: list[tuple[Fraction, Polynomial, Word]] = [
                (2 * weight * block.outcome * t / (1 + t), key.difference(), Y),
                (half, key.kept(), multiply(Y_ADJOINT, Y)),
                (half * bit, key.difference(), multiply(Y_ADJOINT, Y)),
                (weight * t, key.kept(), multiply(Y, Y_ADJOINT)),
            ]
            for factor, polynomial, eve in parts:
                for word, coefficient in polynomial.items():
                    moment = self.moment(multiply(word, eve), number)
                    sums[moment] = sums.get(moment, Fraction(0)) + factor * Fraction(coefficient)
        return sums

    def base(self, t: Fraction) -> Polynomial:
        """Returns what a node has beside the infimum, K t/(1+t), on average over the raw keys."""
        return self._kept(lambda _: t / (1 + t))

    def last(self) -> Polynomial:
        """Returns the least that the node t = 1 is worth: ``[1 - (1-2q)^2] K/2``, a tight bound.

        There a D (Y + Y*)/2 + K Y Y* >= -D^2/(4 K) = -K/4, for D^2 = K^2.
        """
        return self._kept(lambda key: (1 - key.contrast**2) / 2)

    def _kept(self, factor: Callable[[RawKey], Fraction]) -> Polynomial:
        sums: Polynomial = {}
        for share, key in self.problem.keys:
            for word, coefficient in key.kept().items():
                part = Fraction(share) * factor(key) * Fraction(coefficient)
                sums[word] = sums.get(word, Fraction(0)) + part
        return sums

    def largest(self, t: float) -> Real:
        """Returns the largest absolute values that moments can have at a node, rounded up."""
        bounds = np.ones(self.size)
        for block in self.blocks:
            left, right = (1 + 1e-9) * np.array(_eve_bounds(block.key, t))
            by_letters = {
                1: np.sqrt(min(left, right)), (1, -1): left, (-1, 1): right,
                2: np.sqrt(left * right),
            }  # fmt: skip
            for word, place in self.matrix.moments.items():
                letters = word[2]
                if len(letters) == 1:
                    bounds[block.ids[place]] = by_letters[1]
                elif letters:
                    bounds[block.ids[place]] = by_letters.get(letters, by_letters[2])
        return bounds


def _eve_bounds(key: RawKey, t: float) -> tuple[float, float]:
    """Returns the largest <Y Y*> and <Y* Y>."""
    norm = (1 / (2 * math.sqrt(t * (1 - t))) + 1 / (1 + t)) / float(key.contrast)
    if key.flip:
        norm = min(norm, t / (1 + t) / (2 * math.sqrt(t * (1 - t) * key.flip)))
    square = norm * norm  # no powers, which libraries round differently
    return min(square, 1 / ((1 + t) * (1 + t)) / key.least_kept), square


def _is_odd(word: Word) -> bool:
    return (len(word[0]) + len(word[1])) % 2 == 1
