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

_CELLS = 1 << 16
_OUTCOMES = 4


class RoundChunk(NamedTuple):
    """Consecutive rounds, arrays of one length.

    Attributes:
        x: Alice's settings.
        y: Bob's.
        a: Alice's outcomes, +1 or -1.
        b: Bob's.
    """

    x: Outcomes
    y: Outcomes
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


def draw_rounds(
    table: Real,
    schedule: Iterable[tuple[int, int, int]],
    rng: np.random.Generator,
    chunk: int = 1 << 18,
) -> Iterator[RoundChunk]:
    """Yields the rounds of a Bell test in order, in memory that doesn't grow with their number.

    A round takes 16 random bits, which name one of 65,536 cells. Outcome k holds
    floor(65,536 p_k) of them; the at most three cells left over lead to a second draw, in double
    precision, from what the outcomes still lack. So the law is the table's, not rounded to cells.

    Args:
        table: P(a, b|x, y), shape (X, Y, 2, 2).
        schedule: settings x, y and for how many rounds they are held, one block after another.
        rng: the generator.
        chunk: the largest number of rounds yielded at once.
    """
    for x, y, length in schedule:
        cells, lacking = _cells(table[x, y].ravel())
        for start in range(0, length, chunk):
            yield _play(x, y, min(chunk, length - start), cells, lacking, rng)


def _cells(chances: Real) -> tuple[NDArray[np.uint8], Real]:
    """Returns each cell's outcome, ``_OUTCOMES`` where left over, and sums of what is lacking."""
    share = _CELLS * chances / chances.sum()
    held = np.floor(share).astype(np.int64)
    left = max(_CELLS - int(held.sum()), 0)
    cells = np.repeat(np.arange(_OUTCOMES + 1, dtype=np.uint8), [*held, left])
    return cells, (share - held).cumsum()


def _play(
    x: int,
    y: int,
    length: int,
    cells: NDArray[np.uint8],
    lacking: Real,
    rng: np.random.Generator,
) -> RoundChunk:
    words = rng.integers(0, 1 << 64, -(-length // 4), dtype=np.uint64)
    codes = cells[words.view(np.uint16)[:length]]
    again = np.flatnonzero(codes == _OUTCOMES)
    codes[again] = np.searchsorted(lacking, lacking[-1] * rng.random(len(again)), side="right")
    a, b = 1 - (codes & 2).view(np.int8), 1 - 2 * (codes & 1).view(np.int8)
    return RoundChunk(np.full_like(a, x), np.full_like(b, y), a, b)
