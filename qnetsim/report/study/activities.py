"""What the time of a study's nodes goes on, point by point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from qnetsim.nodes.activity import ACTIVITIES
from qnetsim.report.study.arrays import Part
from qnetsim.report.study.tables import axis_scales, place_of
from qnetsim.study.table import Point

_MOST_BARS = 24


class Bar(NamedTuple):
    """A node's time at a point by what it was spent on."""

    label: str
    verdict: str
    parts: list[Part]


class Activities(NamedTuple):
    """What the page says of the nodes' time.

    Attributes:
        bars: of each node at the first points.
        legend: labels and colours of all bars.
        note: what is left out; empty where nothing is.
    """

    bars: list[Bar]
    legend: list[Part]
    note: str


def activities_of(points: Sequence[Point]) -> Activities | None:
    """Returns what nodes' time goes on, ``None`` where nothing counted that.

    Args:
        points: of one study.
    """
    scales = axis_scales(points)
    bars = [
        _bar(place_of(point, scales), node, spent_s)
        for point in points
        for node, spent_s in point.counts.get("activity_s", {}).items()
        if sum(spent_s.values())
    ]
    if not bars:
        return None
    shown = bars[:_MOST_BARS]
    seen = {part.label for bar in shown for part in bar.parts}
    legend = [Part(name, 0.0, k) for k, name in enumerate(ACTIVITIES) if name in seen]
    note = f"The first {len(shown)} of {len(bars)} bars." if len(shown) < len(bars) else ""
    return Activities(shown, legend, note)


def _bar(place: str, node: str, spent_s: Mapping[str, float]) -> Bar:
    total_s = sum(spent_s.values())
    parts = [
        Part(name, spent_s[name] / total_s, k)
        for k, name in enumerate(ACTIVITIES)
        if spent_s.get(name)
    ]
    attempting = 100 * spent_s.get("attempting", 0.0) / total_s
    return Bar(", ".join(filter(None, (place, node))), f"{attempting:.1f} % attempting", parts)
