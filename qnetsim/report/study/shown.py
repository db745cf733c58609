"""What a report shows of a store: its studies, their first points and the charts of those."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from qnetsim.report.study.curves import CHARTED, curve_of
from qnetsim.report.study.landmarks import with_landmarks
from qnetsim.report.study.series import Chart, charts_of
from qnetsim.report.study.tables import FIGURES
from qnetsim.study.store import Contents
from qnetsim.study.study import Study
from qnetsim.study.table import Point, points_of

MOST_POINTS = 2000
"""Points of a study that a page shows; a table in a file holds all."""


class Shown(NamedTuple):
    """A study and the first of its points, with or without rows."""

    study: Study
    points: list[Point]


def shown_of(contents: Contents, report: Callable[[int], None] | None = None) -> list[Shown]:
    """Returns what a store's studies have to show.

    Args:
        contents: the store's.
        report: called with the number of finished points of a study.

    Raises:
        InvalidInputError: a study cannot be made again, or two rows contradict each other.
    """
    studies = [Study.from_definition(definition) for definition in contents.studies]
    return [
        Shown(study, list(points_of(study, contents, MOST_POINTS, report))) for study in studies
    ]


def charts_of_study(shown: Shown, keys: Sequence[str] = CHARTED) -> Iterator[Chart]:
    """Yields the charts of figures against every numeric axis of a study.

    Args:
        shown: the study and its points; those without figures are left out.
        keys: of the figures; one that is 0 everywhere is left out.
    """
    seen = [point for point in shown.points if point.figures]
    curve = curve_of(shown.study)
    for key in keys:
        values = [point.figures[key] for point in seen if key in point.figures]
        if any(figure.value or figure.expected for figure in values):
            for chart in charts_of(seen, key, FIGURES[key], curve):
                yield with_landmarks(chart, shown.study, seen)
