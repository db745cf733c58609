"""Which charts a study's points make: panels of lines against one axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from qnetsim.report.study.wording import Scale, is_number, scale_of
from qnetsim.study.naming import short_names
from qnetsim.study.table import Point, axes_of

LIMIT = "limit of one pair of slots, all parts perfect, 0.2 dB/km"
"""What charts call the limit of physics."""

MOST_LINES = 8
MOST_PANELS = 6
_WIDE = 10.0
_CURVE_POINTS = 15


class Mark(NamedTuple):
    """A simulated value and its interval at a place on the axis.

    Attributes:
        x: the place, as the axis's unit has it.
        value: the estimate; on a logarithmic axis one of 0 leaves its interval's upper end.
        low: lower end of the interval.
        high: upper end.
    """

    x: float
    value: float
    low: float
    high: float


class Landmark(NamedTuple):
    """A published value, beside the line of a label."""

    label: str
    x: float
    value: float


class Line(NamedTuple):
    """The points that differ along the axis alone, and the closed form beside them."""

    label: str
    marks: list[Mark]
    curve: list[tuple[float, float]]
    scenario: str = ""


class Panel(NamedTuple):
    """Lines in one frame, and what is published of them."""

    title: str
    lines: list[Line]
    published: Sequence[Landmark] = ()


class Chart(NamedTuple):
    """A figure against an axis.

    Attributes:
        key: of the figure.
        axis: the parameter's path.
        x: how the axis is written.
        y: how the figure is written.
        log_x: whether the axis is logarithmic.
        log_y: whether the figure's axis is.
        panels: side by side, with the same lines in each.
        note: what is left out; empty where nothing is.
        limit: what physics allows, as a curve; empty where none is known.
    """

    key: str
    axis: str
    x: Scale
    y: str
    log_x: bool
    log_y: bool
    panels: list[Panel]
    note: str
    limit: Sequence[tuple[float, float]] = ()

    @property
    def widths(self) -> tuple[float, float]:
        """The range of all places on the axis, so that panels can be compared."""
        places = [m.x for panel in self.panels for line in panel.lines for m in line.marks]
        places += [mark.x for panel in self.panels for mark in panel.published]
        return min(places), max(places)

    @property
    def heights(self) -> tuple[float, float] | None:
        """The range of all values, so that panels can be compared; ``None`` without any."""
        lines = [line for panel in self.panels for line in panel.lines]
        values = [y for line in lines for _, y in line.curve]
        values += [y for _, y in self.limit]
        values += [mark.value for panel in self.panels for mark in panel.published]
        for mark in (mark for line in lines for mark in line.marks):
            lowest = mark.value if self.log_y else mark.low
            values += [lowest, mark.value, mark.high]
        values = [y for y in values if math.isfinite(y) and (y > 0 or not self.log_y)]
        return (min(values), max(values)) if values else None


Curve = Callable[[Point, str, Sequence[float]], Mapping[float, Mapping[str, float]]]
"""Called with a point, an axis and values on it; returns closed forms by value and figure."""


def charts_of(points: Sequence[Point], key: str, y: str, curve: Curve | None) -> list[Chart]:
    """Returns a figure's chart against every numeric axis of a study.

    Args:
        points: of one study.
        key: of the figure.
        y: what the figure is called.
        curve: closed forms between the points, or ``None`` for those at the points.
    """
    groups = axes_of([point.values for point in points])
    charts = []
    for group in groups:
        path = next((p for p in group if all(is_number(q.values[p]) for q in points)), None)
        if path is None:
            continue
        others = [other for other in groups if other is not group]
        alone = curve if len(group) == 1 else None
        charts.append(_chart(points, key, y, path, others, alone))
    return charts


def _chart(
    points: Sequence[Point],
    key: str,
    y: str,
    path: str,
    others: Sequence[Sequence[str]],
    curve: Curve | None,
) -> Chart:
    names = short_names(list(points[0].values))
    x = scale_of(names[path], [point.values[path] for point in points])
    framing, lining = _roles(points, others)
    label = _labeller(points, names)
    frames: dict[str, dict[str, list[Point]]] = {}
    for point in points:
        frame = frames.setdefault(label(point, framing), {})
        frame.setdefault(label(point, lining), []).append(point)
    log_x = is_log(sorted({float(point.values[path]) for point in points}))
    panels = []
    every = list(dict.fromkeys(name for frame in frames.values() for name in frame))
    kept = _spread_out(every, MOST_LINES)
    for title in _spread_out(list(frames), MOST_PANELS):
        lines = [
            _line(name, frames[title][name], key, path, x.factor, log_x, curve)
            for name in kept
            if name in frames[title]
        ]
        panels.append(Panel(title, lines))
    note = _note(len(kept), len(every), "lines") + _note(len(panels), len(frames), "frames")
    heights = [m for panel in panels for line in panel.lines for m in _heights(line.marks)]
    return Chart(key, path, x, y, log_x, _spans(heights), panels, note)


def _roles(points: Sequence[Point], others: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """Returns the paths that tell panels apart, and those that tell lines apart.

    Names make panels; of several numbers those with the fewest values do.
    """
    framing = [g[0] for g in others if not all(is_number(p.values[g[0]]) for p in points)]
    lining = [g[0] for g in others if g[0] not in framing]
    if not lining and framing:
        return framing[:-1], framing[-1:]
    if not framing and len(lining) > 1:
        sizes = {path: len({repr(p.values[path]) for p in points}) for path in lining}
        fewest = min(lining, key=lambda path: sizes[path])
        if math.prod(sizes.values()) > MOST_LINES:
            return [fewest], [path for path in lining if path != fewest]
    return framing, lining


def _labeller(
    points: Sequence[Point], names: Mapping[str, str]
) -> Callable[[Point, Sequence[str]], str]:
    scales = {path: scale_of(names[path], [p.values[path] for p in points]) for path in names}

    def label(point: Point, paths: Sequence[str]) -> str:
        return ", ".join(
            f"{scales[path].name} = {scales[path].write(point.values[path])}"
            if is_number(point.values[path])
            else str(point.values[path])
            for path in paths
        )

    return label


def _line(
    label: str,
    points: Sequence[Point],
    key: str,
    path: str,
    factor: float,
    log_x: bool,
    curve: Curve | None,
) -> Line:
    marks, known = [], {}
    for point in sorted(points, key=lambda p: p.values[path]):
        place = float(point.values[path])
        figure = point.figures.get(key)
        if figure is not None:
            marks.append(Mark(place / factor, figure.value, figure.low, figure.high))
            if figure.expected is not None:
                known[place] = figure.expected
    if curve and len(known) > 1:
        between = _between(sorted(known), points[0].values[path], log_x)
        known |= {
            place: closed[key]
            for place, closed in curve(points[0], path, between).items()
            if key in closed
        }
    drawn = [(place / factor, known[place]) for place in sorted(known)]
    return Line(label, marks, drawn, points[0].task.scenario)


def _between(places: Sequence[float], example: float, log_x: bool) -> list[float]:
    """Returns values between the first place and the last; whole ones on an axis of integers."""
    low, high = places[0], places[-1]
    shares = [k / (_CURVE_POINTS - 1) for k in range(1, _CURVE_POINTS - 1)]
    found = [low * (high / low) ** s if log_x else low + (high - low) * s for s in shares]
    if isinstance(example, int):
        found = [int(value) for value in dict.fromkeys(map(round, found))]
    return [value for value in found if value not in places]


def is_log(places: Sequence[float]) -> bool:
    """Returns whether values suit a logarithmic axis: wide, and evener by factors than by steps.

    Args:
        places: in ascending order.
    """
    if places[0] <= 0 or places[-1] < _WIDE * places[0]:
        return False
    steps = [b - a for a, b in pairwise(places)]
    factors = [math.log(b / a) for a, b in pairwise(places)]
    return max(factors) / min(factors) <= max(steps) / min(steps)


def _spans(values: Sequence[float]) -> bool:
    positive = [value for value in values if value > 0]
    none_below = all(value >= 0 for value in values)
    return bool(positive) and none_below and max(positive) >= _WIDE * min(positive)


def _heights(marks: Sequence[Mark]) -> list[float]:
    return [mark.value or mark.high for mark in marks]


def _spread_out(items: list[str], most: int) -> list[str]:
    """Returns evenly spread items where there are too many, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(k * (len(items) - 1) / (most - 1))] for k in range(most)]


def _note(kept: int, total: int, what: str) -> str:
    return f"{kept} of {total} {what} are drawn; the table holds all. " if kept < total else ""
