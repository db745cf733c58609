r"""Why rates of arrays differ from their law: what kept slots from attempting, as it was counted.

A link whose every lane used each of its turns would herald p times its turns a second, p the
heralds of an attempt in closed form. The law R = p/max(tau_s, (L/v + t_ov + p t_meas)/M) allows a
share of the turns, R over that; the simulation used a share of them, detectors that other lanes had
blinded missed a share of the heralds, and chance made of p what was observed. So, exactly,

.. math:: R / R_{law} = used (1 - missed) chance / allowed
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from qnetsim.protocols.array_rate import ArrayExpectation
from qnetsim.report.study.tables import Cell, Table, axis_scales, place_of, value_cell
from qnetsim.report.study.wording import number
from qnetsim.study.table import Point

LAW = "R = p/max(τ_s, (L/v + t_ov + p t_meas)/M)"
USED, MISSED, BLOCKED = "used", "missed by blinded detectors", "blocked, of the turns"
CHANCE = "heralds an attempt over closed form: chance"
CAUSES = {
    "attempts": USED,
    "busy": "slots busy: readout, reload, not yet announced",
    "cooling": "slots cooling",
}
"""What became of turns, by the names that counts have for it."""

_MOST_POINTS = 200
_MOST_BARS = 24


class Law(NamedTuple):
    """The closed forms that a point's array is judged by: of the array, and p."""

    array: ArrayExpectation
    herald_probability: float


class Part(NamedTuple):
    """A part of a bar: what it stands for, its share of the turns, its colour's number."""

    label: str
    share: float
    colour: int


class Bar(NamedTuple):
    """A point's turns by what became of them, and the share that the law allows."""

    label: str
    verdict: str
    parts: list[Part]
    allowed: float


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
    legend: list[Part]
    note: str


class Deviation(NamedTuple):
    """A point's rate beside its law.

    Attributes:
        rate_hz: simulated.
        law_hz: the law's, with the closed form's p.
        bound_by: what the law says it is limited by.
        allowed: share of the turns that the law allows.
        shares: of the turns, by what became of them.
        missed: share of the heralds that blinded detectors missed.
        chance: heralds an attempt, those missed included, over the closed form.
        chance_stderr: its standard error.
        blocked: attempts that no Bell-state measurement was free for, over the turns.
    """

    rate_hz: float
    law_hz: float
    bound_by: str
    allowed: float
    shares: dict[str, float]
    missed: float
    chance: float
    chance_stderr: float
    blocked: float


def law_of(point: Point) -> Law | None:
    """Returns the closed forms of a point's array, ``None`` where it has none."""
    closed = point.closed
    if closed is None or closed.array is None or closed.herald_probability is None:
        return None
    return Law(closed.array, closed.herald_probability)


def deviation_of(counts: Mapping[str, Any], law: Law) -> Deviation | None:
    """Returns how a point's rate deviates from its law, ``None`` where nothing heralded.

    Args:
        counts: of the point, with an ``array``.
        law: its closed forms.
    """
    closed, p = law
    array, seconds = counts["array"], counts["sim_time_s"]
    turns, heralds = array["total"], counts["heralds"]
    tried = heralds + array["heralds_blinded"]
    if not (turns and tried and seconds):
        return None
    crowded = closed.slots / (closed.round_trip_s + p * closed.round_s) < 1 / closed.spacing_s
    chance = tried / array["attempts"] / p
    return Deviation(
        heralds / seconds,
        closed.law_rate_hz,
        "slots" if crowded else closed.spacing_by,
        closed.law_rate_hz * seconds / (p * turns),
        {words: array[name] / turns for name, words in CAUSES.items()},
        array["heralds_blinded"] / tried,
        chance,
        chance / math.sqrt(tried),
        array["blocked"] / turns,
    )


def deviations_of(
    points: Sequence[Point], law: Callable[[Point], Law | None] = law_of
) -> Deviations | None:
    """Returns what arrays' rates are beside their law, ``None`` where no point counted that.

    Args:
        points: of one study.
        law: gives the closed forms of a point's array.
    """
    counted = [point for point in points if point.counts.get("array")]
    found = []
    for point in counted[:_MOST_POINTS]:
        closed = law(point)
        deviation = closed and deviation_of(point.counts, closed)
        if deviation:
            found.append((point, deviation))
    if not found:
        return None
    scales = axis_scales(points)
    headings = [scale.label for scale in scales.values()]
    headings += ["heralds a second", "law", "limited by", "rate/law", "allowed by the law"]
    headings += [*CAUSES.values(), MISSED, CHANCE, BLOCKED]
    rows = [
        [*(value_cell(point.values[path], scales[path]) for path in scales), *_cells(deviation)]
        for point, deviation in found
    ]
    bars = [_bar(place_of(point, scales), deviation) for point, deviation in found[:_MOST_BARS]]
    legend = [Part(words, 0.0, colour) for colour, words in enumerate(CAUSES.values())]
    shown, told = min(len(counted), _MOST_POINTS), []
    if len(bars) < len(found):
        told.append(f"Bars of the first {len(bars)} of {len(found)} points of the table.")
    if shown < len(counted):
        told.append(f"The table holds the first {shown} of {len(counted)} points.")
    return Deviations(Table(headings, rows), bars, legend, " ".join(told))


def _cells(deviation: Deviation) -> list[Cell]:
    texts = [
        number(deviation.rate_hz), number(deviation.law_hz), deviation.bound_by,
        number(deviation.rate_hz / deviation.law_hz), _percent(deviation.allowed),
        *(_percent(share) for share in deviation.shares.values()),
        _percent(deviation.missed), _chance(deviation), _percent(deviation.blocked),
    ]  # fmt: skip
    return [Cell(text, look="" if text == deviation.bound_by else "number") for text in texts]


def _bar(label: str, deviation: Deviation) -> Bar:
    parts = [Part(*it, colour) for colour, it in enumerate(deviation.shares.items()) if it[1]]
    verdict = f"{number(deviation.rate_hz / deviation.law_hz, 3)} of the law"
    if deviation.missed:
        verdict += f", {_percent(deviation.missed)} missed"
    verdict += f", chance {_chance(deviation)}"
    return Bar(label, verdict, parts, min(1.0, deviation.allowed))


def _chance(deviation: Deviation) -> str:
    return f"{deviation.chance:.3f} ± {deviation.chance_stderr:.3f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
