"""From rows to figures with intervals, and when a point has enough rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from qnetsim.study.definition import Stop
from qnetsim.study.study import Study
from qnetsim.study.task import Task

Row = Mapping[str, Any]


class Figure(NamedTuple):
    """A figure of a point.

    Attributes:
        value: the estimate.
        stderr: its standard error.
        low: the lower end of its 95 % interval.
        high: the upper end.
        expected: the closed form, or ``None``.
    """

    value: float
    stderr: float
    low: float
    high: float
    expected: float | None = None


class Ending:
    """When a point has enough blocks: takes its rows from block 0 on, one by one.

    Args:
        repeats: blocks at most.
        stop: what ends it before.
    """

    def __init__(self, repeats: int, stop: Stop | None) -> None:
        raise NotImplementedError

    def add(self, row: Row) -> bool:
        """Takes the next block's row; returns whether the point ends with it."""
        raise NotImplementedError


def ended_after(rows: Iterable[Row], repeats: int, stop: Stop | None) -> int | None:
    """Returns after how many blocks a point ends, or ``None`` where these do not end it.

    Args:
        rows: the consecutive ones from block 0.
        repeats: blocks at most.
        stop: what ends it before.
    """
    raise NotImplementedError


def totals(rows: Iterable[Row]) -> dict[str, Any]:
    """Returns the summed counts of a point's rows, added in the order given: that of blocks."""
    raise NotImplementedError


def figures(study: Study, task: Task, rows: Sequence[Row]) -> dict[str, Figure]:
    """Returns the figures of a point under the names of ``Result.summary``.

    Args:
        study: the study.
        task: the point's.
        rows: its rows in the order of blocks; failed ones are left out.
    """
    raise NotImplementedError
