"""Closed forms of a study between its points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qnetsim.errors import QnetsimError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.study.series import Curve
from qnetsim.scenario import Scenario
from qnetsim.study.parameters import assign, expand
from qnetsim.study.study import Study
from qnetsim.study.table import Point

MOST_PLACES = 1000
"""Closed forms that one page asks for between points."""


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
    kind: type[Scenario | PhotonicScenario] = type(study.scenarios[point.task.scenario])
    try:
        values = expand(point.task.data, path, place, kind.describes)
        found = kind(assign(point.task.data, values)).expected()
    except QnetsimError:
        return {}
    if found is None:
        return {}
    figures = found._asdict()
    figures["heralded_fidelity"] = figures.pop("fidelity")
    return {key: value for key, value in figures.items() if value is not None}
