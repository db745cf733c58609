"""Why arrays of slots stay below their law: what kept slots from attempting, as it was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from qnetsim.report.study.tables import Cell, Table, axis_scales, place_of, value_cell
from qnetsim.report.study.wording import number
from qnetsim.study.table import Point

LAW = "R = p/max(τ_s, (L/v + t_ov + p t_meas)/M)"
MADE, OPENINGS, LEFT = "attempts", "openings", "left over"
CAUSES = {
    MADE: "attempted",
    "busy": "slot busy with readout or reload",
    "cooling": "slot cooling",
    "blind": "detector blind: dead time",
    "blocked": "blocked: switch or station taken",
}
_MOST_BARS = 24


class Share(NamedTuple):
    """A part of a bar: what it stands for, its share, and which colour it has."""

    label: str
    share: float
    colour: int


class Bar(NamedTuple):
    """A point's openings by what became of them."""

    label: str
    ratio: str
    shares: list[Share]


class Deviations(NamedTuple):
    """What the page says of arrays.

    Attributes:
        table: of points, with rates, law and shares.
        bars: of the first points.
        legend: labels and colours of all bars.
        note: what is left out; empty where nothing is.
    """

    table: Table
    bars: list[Bar]
    legend: list[Share]
    note: str


def deviations_of(points: Sequence[Point]) -> Deviations | None:
    """Returns what arrays' rates are beside their law, ``None`` where no point counted that.

    Args:
        points: of one study.
    """
    counted = [point for point in points if shares_of(point.counts)]
    if not counted:
        return None
    scales = axis_scales(points)
    causes = list(dict.fromkeys(cause for p in counted for cause in shares_of(p.counts)))
    headings = [*(scale.label for scale in scales.values()), "heralds a second", "law", "rate/law"]
    headings += [_words(cause) for cause in causes]
    rows = []
    for point in counted:
        shares = shares_of(point.counts)
        row = [value_cell(point.values[path], scale) for path, scale in scales.items()]
        row += [Cell(text, look="number") for text in (*_rates(point), _ratio(point))]
        row += [Cell(_percent(shares.get(cause)), look="number") for cause in causes]
        rows.append(row)
    legend = [Share(_words(cause), 0.0, place) for place, cause in enumerate(causes)]
    bars = [
        Bar(
            place_of(point, scales),
            _ratio(point),
            [
                Share(_words(cause), shares_of(point.counts)[cause], place)
                for place, cause in enumerate(causes)
                if shares_of(point.counts).get(cause)
            ],
        )
        for point in counted[:_MOST_BARS]
    ]
    few = len(bars) < len(counted)
    note = f"Bars of the first {len(bars)} of {len(counted)} points; the table holds all." * few
    return Deviations(Table(headings, rows), bars, legend, note)


def shares_of(counts: Mapping[str, Any]) -> dict[str, float]:
    """Returns the share of the openings that each cause took, attempts first.

    An opening is a turn in which a pair of slots could have attempted.

    Args:
        counts: of a point; empty shares come of one without an array.
    """
    array = counts.get("array") or {}
    openings = array.get(OPENINGS, 0)
    if not openings:
        return {}
    taken = {MADE: array.get(MADE, 0)}
    taken |= {cause: array[cause] for cause in CAUSES if cause in array and cause != MADE}
    shares = {cause: amount / openings for cause, amount in taken.items()}
    left = 1 - sum(shares.values())
    return shares | ({LEFT: left} if abs(left) > 1e-9 else {})


def _rates(point: Point) -> tuple[str, str]:
    rate = point.figures.get("herald_rate_hz")
    return number(rate and rate.value), number(law_hz(point))


def law_hz(point: Point) -> float | None:
    """Returns the rate that the law of arrays gives for a point, ``None`` where it gives none."""
    law = point.figures.get("law_rate_hz")
    return law and (law.value if law.expected is None else law.expected)


def _ratio(point: Point) -> str:
    rate, law = point.figures.get("herald_rate_hz"), law_hz(point)
    return number(rate.value / law) if rate and law else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _words(cause: str) -> str:
    return CAUSES.get(cause, cause)
