"""Closed forms of a study between its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qnetsim.errors import QnetsimError
from qnetsim.report.study.series import Curve
from qnetsim.study.closed_form import closed_form_of
from qnetsim.study.parameters import assign, expand
from qnetsim.study.study import Study
from qnetsim.study.table import Point

MOST_PLACES = 400
"""Closed forms that a study's charts ask for between points."""

CHARTED = ("herald_rate_hz", "key_rate_bits_per_s", "chsh_s")
"""What charts show, by the names that figures and closed forms share."""


def curve_of(study: Study) -> Curve:
    """Returns what gives closed forms along an axis, point by point until it has given enough.

    Args:
        study: whose scenarios are changed.
    """
    known: dict[tuple[str, str, float], dict[str, float]] = {}

    def curve(point: Point, path: str, places: Sequence[float]) -> Mapping[float, dict[str, float]]:
        found = {}
        for place in places:
            key = _key(point, path), path, place
            if key not in known:
                if len(known) >= MOST_PLACES:
                    return {}
                known[key] = _closed(study, point, path, place)
            found[place] = known[key]
        return found

    return curve


def _key(point: Point, path: str) -> str:
    return repr(sorted((k, v) for k, v in point.values.items() if k != path))


def _closed(study: Study, point: Point, path: str, place: float) -> dict[str, float]:
    data, model = point.task.data, study.scenarios[point.task.scenario].describes
    try:
        changed = assign(data, expand(data, path, place, model))
        found = closed_form_of(replace(point.task, data=changed))
    except QnetsimError:
        return {}  # between two points may lie what no link can be
    figures = {key: getattr(found, key) for key in CHARTED}
    return {key: value for key, value in figures.items() if value is not None}
