"""The charts of a study, for the page and as a picture of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from qnetsim.report.study.series import LIMIT, MOST_LINES, Chart, Line, Panel
from qnetsim.report.study.wording import tick
from qnetsim.report.style import new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "s", "^", "D", "v", "*", "P", "X")
COLOURS = (
    "#1b6ca8", "#c1440e", "#5a7a00", "#8a3fa0", "#00798c", "#a3690b", "#b3446c", "#555555",
)  # fmt: skip
"""One for each line; the page puts its own in their place."""

_PANEL_IN = (4.6, 3.1)
_WIDEST = 3
_MARGIN = 0.06
_LETTERS = 58


def draw_panel(chart: Chart, panel: Panel) -> Figure:
    """Returns one panel as a figure, without a legend: the page has one.

    Args:
        chart: that the panel is of.
        panel: what to draw.
    """
    with _plain_text():
        figure, axes = new_figure(*_PANEL_IN)
        _fill(axes, chart, panel)
    return figure


def draw_charts(title: str, charts: Sequence[Chart]) -> Figure:
    """Returns a study's charts as one picture, a row of panels for each.

    Args:
        title: of the picture.
        charts: at least one.
    """
    columns = min(_WIDEST, max(len(chart.panels) for chart in charts))
    rows = [
        (c, c.panels[k : k + columns]) for c in charts for k in range(0, len(c.panels), columns)
    ]
    size = _PANEL_IN[0] * columns, _PANEL_IN[1] * len(rows) + 0.4
    with _plain_text():
        figure, grid = new_figure(*size, nrows=len(rows), ncols=columns, squeeze=False)
        _fill_rows(grid, rows)
        told = [f"{chart.note}{landmarks(chart)}".strip() for chart in charts]
        notes = " ".join(dict.fromkeys(filter(None, told)))
        room = _LETTERS * columns
        heading = "\n".join(line for text in (title, notes) for line in wrap(text, room))
        figure.suptitle(heading, fontsize="medium", x=0.01, ha="left")
    return figure


def _plain_text() -> Any:
    """Keeps dollar signs in names from being read as formulas."""
    from matplotlib import rc_context

    return rc_context({"text.parse_math": False})


def _fill_rows(grid: Any, rows: Sequence[tuple[Chart, list[Panel]]]) -> None:
    for line, (chart, panels) in zip(grid, rows, strict=True):
        for axes in line[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(line, panels, strict=False):
            _fill(axes, chart, panel)
            if any(drawn.label for drawn in panel.lines):
                axes.legend(frameon=False, fontsize="x-small")


def _fill(axes: Any, chart: Chart, panel: Panel) -> None:
    labels = list(dict.fromkeys(line.label for p in chart.panels for line in p.lines))
    for line in panel.lines:
        look = labels.index(line.label) % MOST_LINES
        _draw_line(axes, line, COLOURS[look], MARKERS[look], chart.log_y)
    _draw_landmarks(axes, chart, panel, labels)
    heading = f"{chart.y}\n{panel.title}" if panel.title else chart.y
    axes.set_title(heading, fontsize="medium", loc="left")
    axes.set_xlabel(chart.x.label)
    _scale(axes, chart)
    tidy(axes)


def _draw_line(axes: Any, line: Line, colour: str, marker: str, log_y: bool) -> None:
    curve = [(x, y) for x, y in line.curve if y > 0 or not log_y]
    if curve:
        axes.plot(*zip(*curve, strict=True), color=colour, lw=1.2, zorder=1)
    seen = [mark for mark in line.marks if mark.value > 0 or not log_y]
    bounded = [mark for mark in line.marks if mark not in seen and mark.high > 0]
    label = line.label or None
    if seen:
        below = [max(0.0, m.value - m.low) if math.isfinite(m.low) else 0.0 for m in seen]
        above = [max(0.0, m.high - m.value) if math.isfinite(m.high) else 0.0 for m in seen]
        axes.errorbar(
            [m.x for m in seen], [m.value for m in seen], [below, above], fmt=marker, ms=5,
            capsize=3, lw=1.2, color=colour, label=label, zorder=2,
        )  # fmt: skip
    if bounded:
        tops = [mark.high for mark in bounded]
        axes.errorbar(
            [mark.x for mark in bounded], tops, [top / 2 for top in tops], uplims=True, fmt="none",
            lw=1.2, color=colour, label=None if seen else label,
        )  # fmt: skip


def landmarks(chart: Chart) -> str:
    """Returns what a chart's dashed line and its rings are, in words."""
    told = [f"Dashed: {LIMIT}."] if chart.limit else []
    told += ["Rings: published."] if any(panel.published for panel in chart.panels) else []
    return " ".join(told)


def _draw_landmarks(axes: Any, chart: Chart, panel: Panel, labels: list[str]) -> None:
    if chart.limit:
        axes.plot(*zip(*chart.limit, strict=True), color=COLOURS[-1], lw=1.2, ls="--", zorder=1)
    for mark in panel.published:
        colour = COLOURS[labels.index(mark.label) % MOST_LINES]
        axes.plot([mark.x], [mark.value], marker="o", ms=9, mfc="none", mec=colour, ls="none")


def _scale(axes: Any, chart: Chart) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    heights, (left, right) = chart.heights, chart.widths
    for side, log in ((axes.xaxis, chart.log_x), (axes.yaxis, chart.log_y)):
        if log:
            (axes.set_xscale if side is axes.xaxis else axes.set_yscale)("log")
            side.set_minor_formatter(NullFormatter())
            side.set_major_locator(LogLocator(numticks=7))
        side.set_major_formatter(FuncFormatter(tick))
    if left < right:
        share = (right / left) ** _MARGIN if chart.log_x else (right - left) * _MARGIN
        ends = (left / share, right * share) if chart.log_x else (left - share, right + share)
        axes.set_xlim(*ends)
    if heights and chart.log_y:
        axes.set_ylim(heights[0] / 2, heights[1] * 2)
    elif heights and heights[0] < heights[1]:
        margin = (heights[1] - heights[0]) * _MARGIN
        axes.set_ylim(heights[0] - margin, heights[1] + margin)
