"""How far a collection is, and how long it takes yet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from qnetsim.study.store import Row
from qnetsim.study.study import Study


class Progress(NamedTuple):
    """How far a collection is.

    Attributes:
        points: of the study.
        points_done: those that have all their blocks, here or before.
        blocks: of the points that this collection came to, here or before.
        rounds: in these blocks.
        heralds: in these blocks.
        heralds_per_s: of what was played here, in real time; ``None`` before the first block.
        share: of the work that is done, from 0 to 1; an estimate where points can end early.
        left_s: real time until the end, going by what was played here; ``None`` likewise.
        workers: how many blocks can be played at once now; ``None`` where that cannot be told.
    """

    points: int
    points_done: int
    blocks: int
    rounds: int
    heralds: int
    heralds_per_s: float | None
    share: float
    left_s: float | None
    workers: int | None


class Counts:
    """What was counted so far, and what that says of the time left.

    Args:
        study: that is collected.

    Attributes:
        played: blocks that were played here.
        ended_before: points that stand in the study a second time.
        failed_points: how many.
        first_failure: the first one's number in the study, and its name and error.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._size = len(study)
        self._begin = time.monotonic()
        self._rounds = self._heralds = self._heralds_here = 0
        self.played = self.ended_before = 0
        self._ended = self._blocks_of_ended = self._blocks = 0
        self.failed_points = 0
        self.first_failure = (self._size, "")

    def add(self, row: Row, here: bool = False) -> None:
        """Takes a row, played here or stored before."""
        counts: dict[str, Any] = row.get("counts", {})
        heralds = counts.get("heralds") or 0
        self._blocks += 1
        self._heralds += heralds
        self._rounds += rounds_in(counts)
        if here:
            self.played += 1
            self._heralds_here += heralds

    def end(self, blocks: int, failure: tuple[int, str] | None) -> None:
        """Takes a point that has all its blocks.

        Args:
            blocks: how many it has.
            failure: its number in the study, and its name and error, if it failed.
        """
        self._ended += 1
        self._blocks_of_ended += blocks
        if failure is not None:
            self.failed_points += 1
            self.first_failure = min(self.first_failure, failure)

    def progress(self, workers: int | None) -> Progress:
        """Returns how far it is; points to come are taken to end like those that ended.

        Args:
            workers: how many blocks can be played at once now, if that can be told.
        """
        ended = self._ended + self.ended_before
        usual = self._blocks_of_ended / self._ended if self._ended else self._study.repeats
        left = max((self._size - ended) * usual - (self._blocks - self._blocks_of_ended), 0)
        spent_s = time.monotonic() - self._begin
        return Progress(
            self._size,
            ended,
            self._blocks,
            self._rounds,
            self._heralds,
            self._heralds_here / spent_s if self.played else None,
            self._blocks / (self._blocks + left) if self._blocks + left else 1.0,
            left * spent_s / self.played if self.played else None,
            workers,
        )


def rounds_in(counts: Mapping[str, Any]) -> int:
    """Returns how many rounds a row's counts hold."""
    return sum([setting["n"] for setting in counts.get("rounds", {}).values()])
