"""Figures with standard errors and 95 % intervals (``statistics`` says which and why)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scipy import special

from qnetsim.protocols.bell_test import share_stderr

FEWEST_BLOCKS = 5
"""From so many blocks on their scatter is asked for the error of a rate."""

_TAIL = 0.025
_NORMAL = float(special.ndtri(1 - _TAIL))


class Figure(NamedTuple):
    """A figure of a point.

    Attributes:
        value: the estimate.
        stderr: its standard error; not a number where one block alone cannot tell.
        low: the lower end of its 95 % interval.
        high: the upper end.
        expected: the closed form, or ``None``.
    """

    value: float
    stderr: float
    low: float
    high: float
    expected: float | None = None


class HeraldRate:
    """Sums over blocks from which the herald rate and its error follow.

    Attributes:
        heralds: how many came.
        time_s: in how much simulated time.
    """

    def __init__(self) -> None:
        self.heralds = 0
        self.time_s = 0.0
        self._attempts = 0
        self._blocks = 0
        self._squares = [0.0, 0.0, 0.0]

    def add(self, counts: Mapping[str, Any]) -> None:
        """Takes a block's counts."""
        heralds, time_s = counts["heralds"], counts["sim_time_s"]
        self._blocks += 1
        self.heralds += heralds
        self.time_s += time_s
        self._attempts += counts["attempts"]
        for k, square in enumerate((heralds * heralds, heralds * time_s, time_s * time_s)):
            self._squares[k] += square

    @property
    def rate_hz(self) -> float:
        """Heralds a second."""
        return self.heralds / self.time_s if self.time_s else 0.0

    @property
    def stderr_hz(self) -> float:
        """Its standard error: the larger of what counts foretell and what blocks show.

        Without a herald it is the rate that one would have made.
        """
        if not self.time_s:
            return math.inf
        foretold = math.sqrt(max(self.heralds, 1)) * self._chance / self.time_s
        return max(foretold, self._scatter_hz)

    def figure(self, by_rounds: bool) -> Figure:
        """Returns the rate with its interval.

        Args:
            by_rounds: whether blocks end after so many rounds, and never after a time.
        """
        rate = self.rate_hz
        if not self.time_s:
            return Figure(0.0, math.inf, 0.0, math.inf)
        n = self.heralds
        low = float(special.gammaincinv(n, _TAIL)) / self.time_s if n else 0.0
        highest = n if by_rounds and n else n + 1
        high = float(special.gammaincinv(highest, 1 - _TAIL)) / self.time_s
        low, high = rate - (rate - low) * self._chance, rate + (high - rate) * self._chance
        if self._scatter_hz and rate:
            quantile = float(special.stdtrit(self._blocks - 1, 1 - _TAIL))
            factor = math.exp(min(quantile * self._scatter_hz / rate, 700.0))
            low, high = min(low, rate / factor), max(high, rate * factor)
        return Figure(rate, self.stderr_hz, low, high)

    @property
    def _chance(self) -> float:
        """How much of a Poisson count's scatter is left where an attempt heralds with chance p."""
        return math.sqrt(max(0.0, 1 - self.heralds / self._attempts)) if self._attempts else 1.0

    @property
    def _scatter_hz(self) -> float:
        """The standard error of a ratio of sums, from the scatter of enough blocks; else 0."""
        if self._blocks < FEWEST_BLOCKS:
            return 0.0
        return _ratio_stderr(self._blocks, self.heralds, self.time_s, self._squares)


def bounded(
    value: float, stderr: float, least: float, most: float, expected: float | None
) -> Figure:
    """Returns a figure with its normal interval, as far as it can lie there."""
    half = _NORMAL * stderr
    return Figure(value, stderr, max(least, value - half), min(most, value + half), expected)


def share(count: int, total: int, expected: float | None) -> Figure:
    """Returns a share of independent events, with Clopper and Pearson's interval.

    Args:
        count: how many.
        total: out of how many; 1 or more.
        expected: the closed form, or ``None``.
    """
    low = float(special.betaincinv(count, total - count + 1, _TAIL)) if count else 0.0
    rest = total - count
    high = float(special.betaincinv(count + 1, rest, 1 - _TAIL)) if rest else 1.0
    return Figure(count / total, share_stderr(count, total), low, high, expected)


def time_share(
    spent_s: Sequence[float], times_s: Sequence[float], expected: float | None
) -> Figure:
    """Returns a share of time, with Student's interval from the scatter of blocks.

    Args:
        spent_s: in each block.
        times_s: how long each block was.
        expected: the closed form, or ``None``.
    """
    spent, time_s, blocks = sum(spent_s), sum(times_s), len(times_s)
    value = spent / time_s if time_s else 0.0
    if blocks < 2 or not time_s:
        return Figure(value, math.nan, 0.0, 1.0, expected)
    squares = [
        math.fsum(one * other for one, other in zip(first, second, strict=True))
        for first, second in ((spent_s, spent_s), (spent_s, times_s), (times_s, times_s))
    ]
    stderr = _ratio_stderr(blocks, spent, time_s, squares)
    half = float(special.stdtrit(blocks - 1, 1 - _TAIL)) * stderr
    return Figure(value, stderr, max(0.0, value - half), min(1.0, value + half), expected)


def clipped(value: float, stderr: float, expected: float | None) -> Figure:
    """Returns a figure with its normal interval, all of it clipped at 0."""
    half = _NORMAL * stderr
    return Figure(max(0.0, value), stderr, max(0.0, value - half), max(0.0, value + half), expected)


def _ratio_stderr(blocks: int, amount: float, time_s: float, squares: Sequence[float]) -> float:
    """Returns the standard error of a ratio of sums over independent blocks.

    Args:
        blocks: how many; 2 or more.
        amount: the sum of their amounts a.
        time_s: the sum of their times t.
        squares: the sums of a a, a t and t t.
    """
    ratio = amount / time_s
    residual = squares[0] - 2 * ratio * squares[1] + ratio**2 * squares[2]
    return math.sqrt(max(0.0, residual) * blocks / (blocks - 1)) / time_s
