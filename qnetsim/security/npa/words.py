"""Words in two parties' observables and one operator of Eve's: the algebra of moment matrices.

A word is (a, b, y): indices of Alice's observables, of Bob's, and letters of Eve's operator Y, in
the order in which they are multiplied. Observables have eigenvalues +-1, so that neighbours that
are alike cancel; operators of different parties commute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

Word = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

_LONGEST, _MOST_TRIED, _MOST_WORDS = 12, 20_000, 200

ONE: Word = ((), (), ())
Y: Word = ((), (), (1,))
Y_ADJOINT: Word = ((), (), (-1,))


def alice(*inputs: int) -> Word:
    """Returns the product of Alice's observables for some inputs, as it stands."""
    return inputs, (), ()


def bob(*inputs: int) -> Word:
    """Returns the product of Bob's observables for some inputs, as it stands."""
    return (), inputs, ()


def adjoint(word: Word) -> Word:
    """Returns the adjoint of a word."""
    a, b, y = word
    return a[::-1], b[::-1], tuple(-letter for letter in reversed(y))


def multiply(left: Word, right: Word) -> Word:
    """Returns the product of two reduced words, reduced."""
    return _join(left[0], right[0]), _join(left[1], right[1]), left[2] + right[2]


def moment_of(word: Word) -> Word:
    """Returns the one of a word and its adjoint that stands for both: moments are real."""
    return min(word, adjoint(word))


def words_of(level: str, inputs: tuple[int, int]) -> list[Word]:
    """Returns the words of a level, without Eve's operator, each once and the identity first.

    Args:
        level: kinds of products joined by +, such as ``"1+A+B+AB+AA"``.
        inputs: how many observables each party has.

    Raises:
        ValueError: the level does not begin with 1, a kind has letters other than A and B, or
            there are more than 200 words.
    """
    first, *kinds = level.split("+")
    if first != "1" or any(not kind or set(kind) - {"A", "B"} for kind in kinds):
        raise ValueError(f"level ({level}) must be 1 and products of A and B, such as 1+A+B+AB+AA")
    words = {ONE: None}
    for kind in kinds:
        tried = math.prod(inputs[letter == "B"] for letter in kind[: _LONGEST + 1])
        if len(kind) > _LONGEST or tried > _MOST_TRIED:
            raise ValueError(f"level ({level[:40]}) has products too long to spell out")
        for indices in product(*(range(inputs[letter == "B"]) for letter in kind)):
            words[_spelt(kind, indices)] = None
    if len(words) > _MOST_WORDS:
        raise ValueError(f"level ({level[:40]}) has {len(words)} words, more than {_MOST_WORDS}")
    return list(words)


def _spelt(kind: str, indices: Sequence[int]) -> Word:
    word = ONE
    for letter, index in zip(kind, indices, strict=True):
        word = multiply(word, alice(index) if letter == "A" else bob(index))
    return word


def _join(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    while left and right and left[-1] == right[0]:
        left, right = left[:-1], right[1:]
    return left + right
