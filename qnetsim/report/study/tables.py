"""The tables of a study's report, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qnetsim.report.study.wording import Scale, interval, is_number, number, scale_of
from qnetsim.study.naming import short_names
from qnetsim.study.table import Point
from qnetsim.study.uncertain import Figure

FIGURES = {
    "herald_rate_hz": "heralds a second",
    "chsh_s": "CHSH value S",
    "qber": "error rate Q",
    "heralded_fidelity": "fidelity at herald",
    "key_rate_bits_per_s": "secret bits a second",
}
SHORT_ID = 10
_FAR_REACHES, _FAR_SHARE = 2.5, 0.01


class Cell(NamedTuple):
    """What stands in a table.

    Attributes:
        text: the first line.
        below: a smaller second line; empty without one.
        title: all of what the text shortens; empty where it shortens nothing.
        look: ``number``, ``far``, ``code``, ``mark``, several of these or empty.
    """

    text: str
    below: str = ""
    title: str = ""
    look: str = ""


class Table(NamedTuple):
    """A table of cells."""

    headings: list[str]
    rows: list[list[Cell]]


def points_table(points: Sequence[Point], repeats: int) -> Table:
    """Returns the table of points: axes, figures with intervals, closed forms.

    Args:
        points: of one study.
        repeats: blocks that a point has at most.
    """
    scales = axis_scales(points)
    shown = [key for key in FIGURES if any(key in point.figures for point in points)]
    closed = {key for key in shown if any(_expected(point, key) is not None for point in points)}
    headings = ["#", *(scale.label for scale in scales.values())]
    for key in shown:
        headings += [FIGURES[key], "closed form"] if key in closed else [FIGURES[key]]
    rows = []
    for place, point in enumerate(points):
        row = [_number(str(place)) if point.ended else _missing(place)]
        row += [value_cell(point.values[path], scales[path]) for path in scales]
        for key in shown:
            row.append(_figure(point.figures.get(key)))
            if key in closed:
                row.append(_closed(point.figures.get(key)))
        strong_id = point.task.strong_id
        row.append(_blocks(point, repeats))
        row.append(Cell(strong_id[:SHORT_ID], title=strong_id, look="code"))
        rows.append(row)
    return Table([*headings, "blocks", "id"], rows)


def axis_scales(points: Sequence[Point]) -> dict[str, Scale]:
    """Returns how the value of each axis is written, by its path."""
    if not points:
        return {}
    names = short_names(list(points[0].values))
    return {
        path: scale_of(name, [point.values[path] for point in points])
        for path, name in names.items()
    }


def place_of(point: Point, scales: Mapping[str, Scale]) -> str:
    """Returns the values of a point's axes in one line."""
    return ", ".join(
        f"{scale.name} = {scale.write(point.values[path])}" for path, scale in scales.items()
    )


def value_cell(value: Any, scale: Scale) -> Cell:
    """Returns the cell of an axis's value."""
    return _number(number(value / scale.factor)) if is_number(value) else Cell(str(value))


def _missing(place: int) -> Cell:
    return Cell(f"{place} …", title="lacks blocks", look="number mark")


def _blocks(point: Point, repeats: int) -> Cell:
    if point.ended:
        return _number(number(point.blocks))
    return Cell(f"{point.blocks:,} so far", f"of {repeats:,} at most", look="mark")


def _figure(figure: Figure | None) -> Cell:
    if figure is None:
        return _number("")
    return Cell(number(figure.value), interval(figure.low, figure.high), look="number")


def _closed(figure: Figure | None) -> Cell:
    expected = figure and figure.expected
    return Cell(number(expected), look="number far" if is_far(figure) else "number")


def is_far(figure: Figure | None) -> bool:
    """Returns whether a closed form is further from its figure than chance would have it.

    That is 2.5 times as far as the figure's interval reaches, about five standard errors, and a
    hundredth of the closed form.

    Args:
        figure: or ``None``, which is far from nothing.
    """
    if figure is None or figure.expected is None:
        return False
    apart = figure.expected - figure.value
    reach = figure.high - figure.value if apart > 0 else figure.value - figure.low
    return abs(apart) > _FAR_REACHES * reach + _FAR_SHARE * abs(figure.expected)


def _expected(point: Point, key: str) -> float | None:
    return point.figures[key].expected if key in point.figures else None


def _number(text: str) -> Cell:
    return Cell(text, look="number")
