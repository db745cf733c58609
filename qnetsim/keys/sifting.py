"""Sifting: the parties' records side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]


class Rounds(NamedTuple):
    """The rounds that both parties completed, in the order of their heralds.

    Attributes:
        herald: number of each round's herald.
        x: the first party's settings.
        y: the second party's.
        a: the first party's outcomes, +1 or -1.
        b: the second party's.
    """

    herald: Integers
    x: Integers
    y: Integers
    a: Integers
    b: Integers


def match_rounds(
    first: tuple[ArrayLike, ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike, ArrayLike]
) -> Rounds:
    """Returns the rounds that stand in both parties' records.

    Args:
        first: one party's herald numbers, settings and outcomes, each of shape (n,).
        second: the other's, each of shape (m,).
    """
    (h1, x, a), (h2, y, b) = (
        tuple(np.asarray(column, dtype=np.int64) for column in record) for record in (first, second)
    )
    herald, i, j = np.intersect1d(h1, h2, assume_unique=True, return_indices=True)
    return Rounds(herald, x[i], y[j], a[i], b[j])
