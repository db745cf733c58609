"""A tornado: what each parameter alone does to a figure, the largest change on top."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qnetsim.report.style import CLOSED, PUBLISHED, SIMULATED, new_figure, tidy
from qnetsim.study.sensitivity import Bar, Sensitivity, moving

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_BARS = 20
_SPAN_FOR_LOG = 20.0
_BAR_IN = 0.34
_LONG = 44


def draw_tornado(title: str, found: Sensitivity) -> Figure:
    """Returns the picture of what each parameter does to a figure around a point.

    Each bar reaches from the figure at one end of the parameter's range to that at the other; what
    the parameter is there stands at the bar's ends. The scale is logarithmic where the values span
    more than a factor of 20; a value of 0 then stands at its left edge and is marked as 0.

    Args:
        title: of the picture.
        found: the parameters, the one that changes the figure most first; 20 are drawn.
    """
    bars = moving(found).bars[:MOST_BARS]
    figure, axes = new_figure(8.6, 1.7 + _BAR_IN * max(3, len(bars)))
    where = "at the least demanding point" if any(found.point.at) else "today"
    base = "none" if found.base is None else f"{found.base:.4g}"
    axes.set_title(f"{title}\n{found.figure} = {base} {where}", fontsize="medium", loc="left")
    axes.set_xlabel(found.figure)
    figure.supxlabel(_swings(bars), fontsize="x-small", color=CLOSED)
    tidy(axes)
    if not bars:
        axes.text(0.5, 0.5, "no parameter changes it", transform=axes.transAxes, ha="center")
        axes.set(xticks=[], yticks=[])
        return figure
    left, right, logarithmic = _scale(bars, found.base)
    _draw_bars(axes, bars, found.base, left)
    axes.set_yticks(range(len(bars)), [_label(bar) for bar in bars], fontsize="small")
    axes.set_ylim(len(bars) - 0.4, -0.6)
    if logarithmic:
        axes.set_xscale("log")
        right, room = right * (right / left) ** 0.16, (right / left) ** 0.16
        axes.set_xlim(left / room, right)
    else:
        room = 0.16 * (right - left)
        axes.set_xlim(left - room, right + room)
        if left >= 0:
            axes.set_xticks([x for x in axes.get_xticks() if 0 <= x <= right + room])
    if found.base is not None and (found.base > 0 or not logarithmic):
        axes.axvline(found.base, color=CLOSED, lw=1)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def _swings(bars: Sequence[Bar]) -> str:
    """Returns between which ends each parameter goes."""
    given = {bar.knob.ranged for bar in bars}
    around = "half and double its value (its odds p/(1 - p), if it lies between 0 and 1)"
    ways = {True: "the ends of its range", False: around}
    return "each parameter alone at " + ", or ".join(ways[k] for k in (True, False) if k in given)


def _label(bar: Bar) -> str:
    """Returns a bar's path; of a long one the end, which says most."""
    path = bar.knob.path
    return path if len(path) <= _LONG else "..." + path[-_LONG + 3 :]


def _scale(bars: Sequence[Bar], base: float | None) -> tuple[float, float, bool]:
    """Returns the least and the greatest value to show, and whether on a logarithmic scale.

    Of values that span more than 12 decades the lowest are left out: they count as 0 there.
    """
    values = [v or 0.0 for bar in bars for v in (*bar.values, base)]
    positive = [v for v in values if v > 0]
    high = max(values)
    if min(values) < 0 or not positive:
        return min(values), high, False
    low = max(min(positive), high * 1e-12)
    if high / low > _SPAN_FOR_LOG:
        return (low / 3 if min(values) < low else low), high, True
    if min(values) == 0:
        return 0.0, high, False
    return low, high, False


def _draw_bars(axes: Any, bars: Sequence[Bar], base: float | None, left: float) -> None:
    height = 0.62 * min(1.0, len(bars) / 3)
    for row, bar in enumerate(bars):
        start = left if base is None else max(base, left)
        for end, value in enumerate(bar.values):
            if value is None:
                value = left
            shown = max(value, left)
            colour = SIMULATED if value >= (base or 0.0) else PUBLISHED
            axes.barh(row, shown - start, left=start, height=height, color=colour, lw=0)
            text = _at_end(bar, end, value)
            outward = shown > start or (shown == start and end == 1)
            if math.isclose(shown, start, rel_tol=1e-6) and end == _idle(bar, base):
                continue
            axes.annotate(
                text, (shown, row), xytext=(4 if outward else -4, 0), textcoords="offset points",
                va="center", ha="left" if outward else "right", fontsize="x-small", color=CLOSED,
            )  # fmt: skip


def _idle(bar: Bar, base: float | None) -> int | None:
    """Returns which end of a bar leaves the figure as it is and so needs no text, if one does."""
    gaps = [abs((value or 0.0) - (base or 0.0)) for value in bar.values]
    return gaps.index(min(gaps)) if min(gaps) != max(gaps) else None


def _at_end(bar: Bar, end: int, value: float) -> str:
    text = ", ".join(
        dict.fromkeys(f"{float(f'{x:.4g}'):g}" for x in bar.knob.values(bar.ends[end]))
    )
    return f"{text} (0)" if value == 0 else text
