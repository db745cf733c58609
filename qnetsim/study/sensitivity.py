"""Which parameter buys most: elasticities, and what each does between the ends of its range."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from qnetsim.study.knob import Knob
from qnetsim.study.require import ClosedForms, Point
from qnetsim.study.target import Target

_STEP = 1e-3
_LEAST = 1e-9


class Bar(NamedTuple):
    """What one parameter does to a figure, alone, around a point.

    Attributes:
        knob: the parameter.
        ends: its coordinates at both ends of its swing.
        values: the figure at these, ``None`` where it has none.
        elasticity: d ln(figure)/d ln(parameter) at the point; ``None`` where the figure is 0.
        per_demand: d ln(figure) for each unit of demand, so that parameters compare.
    """

    knob: Knob
    ends: tuple[float, float]
    values: tuple[float | None, float | None]
    elasticity: float | None
    per_demand: float | None


class Sensitivity(NamedTuple):
    """What each parameter does to a figure around a point.

    Attributes:
        figure: its name, a field of ``budget.Yield``.
        target: what it must reach.
        point: around which point.
        base: the figure there.
        bars: of the parameters, the one that changes it most first.
    """

    figure: str
    target: Target
    point: Point
    base: float | None
    bars: tuple[Bar, ...]


def sensitivity(forms: ClosedForms, target: Target, point: Point) -> Sensitivity:
    """Returns what each parameter does to a target's figure around a point.

    Args:
        forms: what the link yields.
        target: whose figure.
        point: around which point.
    """
    bars = [_bar(forms, target, point.at, number) for number in range(len(forms.knobs))]
    base = target.of(point.found)
    ranked = sorted(bars, key=lambda bar: _change(bar, base), reverse=True)
    return Sensitivity(target.figure, target, point, base, tuple(ranked))


def _bar(forms: ClosedForms, target: Target, at: Sequence[float], number: int) -> Bar:
    knob = forms.knobs[number]
    side, here = knob.side, at[number]
    low, high = knob.swing
    if not knob.ranged:
        ends = max(side.low, here + low), min(side.high, here + high)
        low, high = (side.around(end)[k] for k, end in enumerate(ends))

    def figure(x: float) -> float | None:
        return target.of(forms.point((*at[:number], x, *at[number + 1 :])).found)

    width = _STEP
    before, after = max(side.low, here - width), min(side.high, here + width)
    if side.whole is not None:
        number_now = round(side.whole * math.exp(here))
        before, after = (
            min(max(math.log(max(n, 1) / side.whole), side.low), side.high)
            for n in (number_now - 1, number_now + 1)
        )
    slope = _slope(figure(before), figure(after), after - before)
    elasticity = None if slope is None else slope * knob.per_log(here)
    return Bar(knob, (low, high), (figure(low), figure(high)), elasticity, slope)


def _slope(before: float | None, after: float | None, width: float) -> float | None:
    if not before or not after or before < 0 or after < 0 or not width:
        return None
    return (math.log(after) - math.log(before)) / width


def _change(bar: Bar, base: float | None) -> float:
    """Returns how much the figure changes; nothing where neither end makes a valid link."""
    if bar.values == (None, None):
        return 0.0
    values = [value or 0.0 for value in (*bar.values, base)]
    return max(values) - min(values)


def moving(found: Sensitivity) -> Sensitivity:
    """Returns the same without the parameters that change nothing."""
    kept = []
    for bar in found.bars:
        largest = max(abs(value or 0.0) for value in (*bar.values, found.base))
        if _change(bar, found.base) > _LEAST * largest:
            kept.append(bar)
    return found._replace(bars=tuple(kept))
