"""A Bell test without a herald: every pulse is a round, and no click is given an outcome too.

Tables, counts and rounds follow one law. A table P(a, b|x, y) has shape (..., 2, 2): settings
first, then a and b in the order +1, -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
Outcomes = NDArray[np.int8]
Settings = NDArray[np.uint8]
Inputs = tuple[Settings, Settings]
"""Alice's settings and Bob's in consecutive rounds, arrays of one length."""

_BYTES = 1 << 8
_OUTCOMES = 4


class RoundChunk(NamedTuple):
    """Consecutive rounds, arrays of one length.

    Attributes:
        x: Alice's settings.
        y: Bob's.
        a: Alice's outcomes, +1 or -1.
        b: Bob's.
    """

    x: Settings
    y: Settings
    a: Outcomes
    b: Outcomes


def outcome_table(clicks: Real, rules: tuple[Sequence[float], Sequence[float]]) -> Real:
    """Returns P(a, b|x, y), shape (..., 2, 2).

    Args:
        clicks: probabilities of the click sets, shape (..., 2^n, 2^m), as from ``pulse_clicks``.
        rules: for each party the chance that a click set is read as +1, in the click sets' order:
            (no click, click), or (none, passed port, other port, both). A chance between 0 and 1
            is a random choice of the party's own. E.g. (1, 0) reads no click as +1.
    """
    read = [np.array([rule, 1 - np.asarray(rule)]) for rule in rules]
    table: Real = np.einsum("...cd,ac,bd->...ab", clicks, *read)
    return table


def correlators(table: Real) -> Real:
    """Returns the mean of a b, shape (...)."""
    means: Real = np.einsum("...ab,ab->...", table, [[1.0, -1.0], [-1.0, 1.0]])
    return means


def chsh_value(means: Real) -> Real:
    """Returns S = E00 + E01 + E10 - E11 of correlators of shape (..., 2, 2), by x and y."""
    s: Real = np.einsum("...xy,xy->...", means, [[1.0, 1.0], [1.0, -1.0]])
    return s


def draw_counts(
    table: Real, rounds: int | NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Returns how often each pair of outcomes came, without playing the rounds: multinomial.

    Args:
        table: P(a, b|x, y), shape (..., 2, 2).
        rounds: how many rounds each setting has; broadcasts with the table's leading axes.
        rng: the generator.

    Returns:
        Array of shape (..., 2, 2).
    """
    flat = table.reshape(*table.shape[:-2], _OUTCOMES)
    counts: NDArray[np.int64] = rng.multinomial(rounds, flat / flat.sum(axis=-1, keepdims=True))
    return counts.reshape(*counts.shape[:-1], 2, 2)


def held_settings(schedule: Iterable[tuple[int, int, int]], chunk: int) -> Iterator[Inputs]:
    """Yields the settings of rounds that hold them, one block after another.

    Args:
        schedule: settings x, y and for how many rounds they are held.
        chunk: the largest number of rounds yielded at once.
    """
    for x, y, length in schedule:
        for start in range(0, length, chunk):
            rounds = min(chunk, length - start)
            yield np.full(rounds, x, dtype=np.uint8), np.full(rounds, y, dtype=np.uint8)


def drawn_settings(
    settings: tuple[int, int],
    rounds: int,
    generators: tuple[np.random.Generator, np.random.Generator],
    chunk: int,
) -> Iterator[Inputs]:
    """Yields settings that the parties draw uniformly, each from its own generator.

    Args:
        settings: how many Alice and Bob choose from.
        rounds: how many.
        generators: Alice's and Bob's.
        chunk: the largest number of rounds yielded at once.
    """
    inputs = [_Inputs(n, rng) for n, rng in zip(settings, generators, strict=True)]
    for start in range(0, rounds, chunk):
        x, y = (each.draw(min(chunk, rounds - start)) for each in inputs)
        yield x, y


class _Inputs:
    """One party's generator of settings, which reads several of them from each random number."""

    def __init__(self, settings: int, rng: np.random.Generator) -> None:
        digits = next(k for k in (8, 4, 2, 1) if settings**k <= _BYTES)
        numbers = np.indices((settings,) * digits, dtype=np.uint8).reshape(digits, -1)
        self._words = np.ascontiguousarray(numbers.T).view(f"u{digits}").ravel()
        self._rng = rng

    def draw(self, rounds: int) -> Settings:
        digits = self._words.itemsize
        # Of 16 bits, fewer draws than of 8 are rejected to make them uniform.
        picks = self._rng.integers(0, len(self._words), -(-rounds // digits), dtype=np.uint16)
        return self._words.take(picks).view(np.uint8)[:rounds]


def draw_rounds(
    table: Real, inputs: Iterable[Inputs], rng: np.random.Generator
) -> Iterator[RoundChunk]:
    """Yields the rounds of a Bell test in order, in memory that doesn't grow with their number.

    A round takes a random byte, which names one of 256 cells. Outcome k holds floor(256 p_k) of
    them; the at most three cells left over lead to a second draw, in double precision, from what
    the outcomes still lack. So the law is the table's, not rounded to cells.

    Args:
        table: P(a, b|x, y), shape (X, Y, 2, 2), X Y at most 64.
        inputs: the settings of consecutive rounds, as from ``held_settings``, ``drawn_settings``.
        rng: the generator of outcomes.
    """
    cells, lacking = _cells(table)
    for x, y in inputs:
        settings = x * np.uint8(table.shape[1]) + y
        blocks = rng.integers(0, 1 << 64, -(-len(x) // 8), dtype=np.uint64)
        index = settings.astype(np.uint16) << 8 | blocks.view(np.uint8)[: len(x)]
        codes = cells.take(index)
        again = np.flatnonzero(codes == _OUTCOMES)
        sums = lacking[settings[again]]
        draws = sums[:, -1] * rng.random(len(again))
        codes[again] = np.count_nonzero(draws[:, None] >= sums[:, :-1], axis=1)
        yield RoundChunk(x, y, 1 - (codes & 2).view(np.int8), 1 - 2 * (codes & 1).view(np.int8))


def count_rounds(rounds: RoundChunk, settings: tuple[int, int]) -> NDArray[np.int64]:
    """Returns how often each pair of outcomes came.

    Args:
        rounds: the rounds, one at least.
        settings: how many Alice and Bob choose from, at most 64 pairs.

    Returns:
        Array of shape (X, Y, 2, 2).
    """
    minus = rounds.a < 0, rounds.b < 0, (rounds.a & rounds.b) < 0
    pairs = rounds.x * np.uint8(settings[1]) + rounds.y
    counts = np.zeros((*settings, 2, 2), dtype=np.int64)
    for pair in range(int(pairs.min()), int(pairs.max()) + 1):
        there = pairs == pair
        a, b, both = (np.count_nonzero(there & each) for each in minus)
        neither = np.count_nonzero(there) - a - b + both
        counts[divmod(pair, settings[1])] = [[neither, b - both], [a - both, both]]
    return counts


def _cells(table: Real) -> tuple[NDArray[np.uint8], Real]:
    """Returns the outcome of each cell, ``_OUTCOMES`` where left over, and sums of what is lacking.

    Shapes (X Y 256,) and (X Y, 4).
    """
    chances = table.reshape(-1, _OUTCOMES)
    share = _BYTES * chances / chances.sum(axis=1, keepdims=True)
    held = np.floor(share).astype(np.int64)
    lengths = np.column_stack([held, _BYTES - held.sum(axis=1)])
    codes = np.tile(np.arange(_OUTCOMES + 1, dtype=np.uint8), len(chances))
    return np.repeat(codes, lengths.ravel()), (share - held).cumsum(axis=1)
