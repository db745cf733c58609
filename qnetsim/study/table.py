"""The points of a store: their values, figures, closed forms and failures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from qnetsim.study.closed_form import ClosedForm, closed_form_of
from qnetsim.study.statistics import Row, ended_after, figures, totals
from qnetsim.study.store import Contents
from qnetsim.study.study import Study
from qnetsim.study.task import Task
from qnetsim.study.uncertain import Figure


@dataclass(frozen=True)
class Point:
    """A point of a study and what is known of it.

    Attributes:
        task: its task.
        values: of the axes, by their paths.
        blocks: how many blocks its figures are made of: those without a gap from block 0 on, up to
            where it ends.
        ended: whether it has all the blocks that it needs.
        errors: the text of each failed block, by its number.
        figures: with intervals and closed forms, by their names in ``Result.summary``; empty
            without a block that worked.
        counts: the sums of its blocks.
        closed: its closed forms; ``None`` without a block that worked.
    """

    task: Task
    values: dict[str, Any]
    blocks: int
    ended: bool
    errors: dict[int, str]
    figures: dict[str, Figure]
    counts: Mapping[str, Any]
    closed: ClosedForm | None = None


def points_of(
    study: Study,
    contents: Contents,
    most: int | None = None,
    report: Callable[[int], None] | None = None,
) -> Iterator[Point]:
    """Yields the points of a study in canonical order, those without a row included.

    Args:
        study: the study.
        contents: a store's; rows of other studies are passed over.
        most: points, from the first on; all where it is ``None``.
        report: called with the number of finished points.

    Raises:
        InvalidInputError: two rows have one key and differ.
    """
    for done, task in enumerate(islice(study.tasks(), most)):
        yield _point(study, task, contents.rows_of(task.strong_id))
        if report:
            report(done + 1)


def axes_of(values: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Returns the axes that points spread over: groups of paths whose values step together.

    Args:
        values: of each point of a study, by path. What has one value only is no axis.
    """
    distinct: dict[str, list[str]] = {}
    for path in values[0] if values else ():
        steps = [repr(there[path]) for there in values]
        if len(set(steps)) > 1:
            distinct[path] = steps
    groups: list[list[str]] = []
    for path, steps in distinct.items():
        for group in groups:
            if _step_together(distinct[group[0]], steps):
                group.append(path)
                break
        else:
            groups.append([path])
    return groups


def _step_together(one: Sequence[str], other: Sequence[str]) -> bool:
    return len(set(zip(one, other, strict=True))) == len(set(one)) == len(set(other))


def _point(study: Study, task: Task, stored: Sequence[Row]) -> Point:
    rows = [row for number, row in enumerate(stored) if row["block"] == number]
    end = ended_after(rows, study.repeats, study.stop)
    rows = rows[:end]
    worked = [row for row in rows if "error" not in row]
    closed = closed_form_of(task) if worked else None
    return Point(
        task=task,
        values=dict(task.point),
        blocks=len(rows),
        ended=end is not None,
        errors={row["block"]: row["error"] for row in rows if "error" in row},
        figures=figures(study, task, worked, closed),
        counts=totals(worked),
        closed=closed,
    )
