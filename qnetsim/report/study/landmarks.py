"""What stands beside a study's rates: the limit of physics, and what publications say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.photonic_rate import length_of
from qnetsim.report.rate import ideal_rate_hz
from qnetsim.report.study.series import Chart, Landmark, Panel
from qnetsim.scenario import Scenario
from qnetsim.study.parameters import LENGTH
from qnetsim.study.study import SCENARIO, Study
from qnetsim.study.table import Point

_CURVE_POINTS = 60
_RATES = ("herald_rate_hz",)


def with_landmarks(chart: Chart, study: Study, points: Sequence[Point]) -> Chart:
    """Returns a chart of rates against length with the limit and the published rates.

    The limit is drawn where every link has one pair of slots and photons that ought to meet at its
    station; published rates where nothing but the length differs from the publication.

    Args:
        chart: of any figure against any axis.
        study: whose it is.
        points: those that are drawn.
    """
    if chart.axis != LENGTH or chart.key not in _RATES:
        return chart
    if not study.model.set and set(study.paths) <= {SCENARIO, LENGTH}:
        panels = [p._replace(published=_published(p, study, chart.x.factor)) for p in chart.panels]
        chart = chart._replace(panels=panels)
    if not all(_has_limit(study.scenarios[p.task.scenario], p) for p in points):
        return chart
    low, high = chart.widths
    lengths = np.geomspace(low or high / _CURVE_POINTS, high, _CURVE_POINTS).tolist()
    return chart._replace(limit=[(x, ideal_rate_hz(x * chart.x.factor)) for x in lengths])


def _has_limit(base: Scenario | PhotonicScenario, point: Point) -> bool:
    if isinstance(base, PhotonicScenario):
        return False
    slots = [node["slots"] for node in point.task.data["nodes"].values()]
    stations = [station["measurement"] for station in point.task.data["stations"].values()]
    return max(slots) == 1 and set(stations) <= {"polarisation", "time-bin"}


def _published(panel: Panel, study: Study, factor: float) -> list[Landmark]:
    found = []
    for line in panel.lines:
        base = study.scenarios[line.scenario]
        published = base.published().get("herald_rate_hz")
        length_m = _length_m(base)
        if published and length_m:
            found.append(Landmark(line.label, length_m / factor, published.value))
    return found


def _length_m(base: Scenario | PhotonicScenario) -> float:
    if isinstance(base, PhotonicScenario):
        return length_of(base.link())
    arms = base.network().arms(base.model.protocol.link)
    return sum(arm.channel.length_m for arm in arms)
