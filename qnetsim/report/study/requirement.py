"""What hardware a target takes, as tables and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from qnetsim.display import Section
from qnetsim.study.confirm import MOST_SIGMA, Confirmation
from qnetsim.study.knob import DB, Knob
from qnetsim.study.require import Point, Requirement
from qnetsim.study.sensitivity import Bar, Sensitivity, moving
from qnetsim.study.target import Target

_NEVER = "cannot"


def verdict(found: Requirement) -> str:
    """Returns what came of a search, in one sentence."""
    wanted = " and ".join(map(str, found.targets))
    if found.met_today:
        today = ", ".join(
            f"{t.of(found.today.found):.6g} {_sign(t)} {t.value:g}" for t in found.targets
        )
        return f"today's hardware reaches it: {today}; nothing needs to change"
    if found.partial:
        so_far = "so far nothing that reaches it is found"
        if found.reached is not None:
            so_far = f"the least demanding point so far is {_db(found.reached.demand)} dB away"
        return f"PARTIAL, ended early: {wanted}: {so_far}"
    if found.reached is not None:
        return f"{wanted} takes {_db(found.reached.demand)} dB from today's hardware"
    missed = ", ".join(
        text for target in found.targets if (text := _missed(target, found.best)) is not None
    )
    return f"no setting in these ranges reaches {wanted}: the best found gives {missed}"


def _missed(target: Target, best: Point) -> str | None:
    """Returns how far a point is from a target, ``None`` where it reaches it."""
    margin, value = target.margin(best.found), target.of(best.found)
    if margin >= 0:
        return None
    if not value or value < 0:
        return (
            f"{target.figure} = {'none' if value is None else format(value, '.4g')}{_quality(best)}"
        )
    way = "too little" if target.at_least else "too much"
    return f"{target.figure} = {value:.4g}, a factor of {math.exp(-margin):.4g} {way}"


def _quality(best: Point) -> str:
    """Returns S and Q, which tell how far a link without a key is from one."""
    found = best.found
    if found is None or found.chsh_s is None or found.qber is None:
        return ""
    return f" (S = {found.chsh_s:.4g}, Q = {found.qber:.4g})"


def requirement_sections(
    found: Requirement, around: Sequence[Sensitivity], confirmed: Confirmation | None
) -> list[Section]:
    """Returns the tables of a search.

    Args:
        found: what it takes.
        around: what each parameter does, around today's hardware and around the answer.
        confirmed: what a simulation says of it.
    """
    return [
        _targets(found),
        _parameters(found),
        *sensitivity_sections(around),
        _confirmed(confirmed),
    ]


def _targets(found: Requirement) -> Section:
    shown = found.reached if found.reached is not None else found.best
    word = "least demanding" if found.reached is not None else "best found"
    rows = [
        (
            str(t),
            _number(t.of(found.today.found)),
            "" if found.met_today else _number(t.of(shown.found)),
        )
        for t in found.targets
    ]
    return Section("closed forms", ("target", "today", word), rows)


def _parameters(found: Requirement) -> Section:
    if found.met_today:
        rows = [
            (knob.path, knob.text(0.0), "", "", _alone(knob, k, point) or "holds throughout", "",
             _range(knob))
            for k, (knob, point) in enumerate(zip(found.knobs, found.alone, strict=True))
        ]  # fmt: skip
        title = "how far each parameter alone can go before a target is lost"
        return Section(title, ("parameter", "today", "", "", "lost at", "", "range"), rows)
    shown = found.reached if found.reached is not None else found.best
    rows = []
    for k, (knob, point) in enumerate(zip(found.knobs, found.alone, strict=True)):
        never = _NEVER if k < found.tried else "?"
        alone_db = "" if point is None else _db(point.demand)
        rows.append(
            (knob.path, knob.text(0.0), knob.text(shown.at[k]), _db(abs(shown.at[k])),
             _alone(knob, k, point) or never, alone_db, _range(knob))
        )  # fmt: skip
    word = "needed" if found.reached is not None else "best found"
    headings = ("parameter", "today", word, "dB", "alone", "dB alone", "range")
    return Section("each parameter, together with the others and alone", headings, rows)


def _alone(knob: Knob, number: int, point: Point | None) -> str:
    return "" if point is None else knob.text(point.at[number])


def _range(knob: Knob) -> str:
    side = knob.side
    return f"{knob.text(side.low)} to {knob.text(side.high)}"


def sensitivity_sections(around: Sequence[Sensitivity]) -> Iterator[Section]:
    """Yields a table for each figure and point: what each parameter does to it."""
    for found in around:
        bars = moving(found).bars
        if not bars:
            continue
        rows = [
            (
                bar.knob.path,
                "" if bar.elasticity is None else f"{bar.elasticity:+.3g}",
                *(bar.knob.text(x) for x in bar.ends),
                *map(_number, bar.values),
            )
            for bar in bars
        ]
        where = _where(found)
        title = f"{found.figure} = {_number(found.base) or 'none'} {where}; one parameter at a time"
        headings = ("parameter", "elasticity", "from", "to", "figure from", "figure to")
        yield Section(title, headings, rows)


def _where(found: Sensitivity) -> str:
    return "at the least demanding point" if any(found.point.at) else "today"


def _confirmed(confirmed: Confirmation | None) -> Section:
    if confirmed is None:
        return Section("", ("",), [])
    rows = []
    for check in confirmed.checks:
        if check.simulated is None:
            text = "no herald, or too few"
        elif check.exact:
            text = "the same"
        elif check.consistent is None:
            text = "no standard error is known"
        else:
            agrees = "consistent" if check.consistent else "NOT CONSISTENT"
            text = f"{agrees}: {check.sigma:+.1f} standard errors, at most {MOST_SIGMA:g}"
        simulated = _number(check.simulated)
        if check.stderr is not None:
            simulated += f" ({check.stderr:.2g})"
        rows.append((check.figure, _number(check.expected), simulated, text))
    ended = ", PARTIAL: ended early" if confirmed.partial else ""
    title = f"simulated, seed {confirmed.seed}: {confirmed.heralds} heralds or rounds in "
    title += f"{confirmed.sim_time_s:.4g} s{ended}"
    return Section(title, ("quantity", "closed form", "simulated", "verdict"), rows)


def as_json(
    found: Requirement, around: Sequence[Sensitivity], confirmed: Confirmation | None
) -> dict[str, Any]:
    """Returns the same under the documented keys of ``qnetsim require --json``."""
    return {
        "scenario": found.scenario,
        "verdict": verdict(found),
        "met_today": found.met_today,
        "reached": found.reached is not None,
        "partial": found.partial,
        "closed_forms": found.asked,
        "targets": [_target_json(t, found) for t in found.targets],
        "parameters": [_knob_json(found, k) for k in range(len(found.knobs))],
        "today": _point_json(found.today, found.knobs),
        "least_demanding": _point_json(found.reached, found.knobs),
        "best": None if found.reached is not None else _point_json(found.best, found.knobs),
        "sensitivities": [sensitivity_json(each) for each in around],
        "simulation": None if confirmed is None else _confirmed_json(confirmed),
    }


def _target_json(target: Target, found: Requirement) -> dict[str, Any]:
    shown = found.reached if found.reached is not None else found.best
    value = target.of(shown.found)
    return {
        "figure": target.figure,
        "op": _sign(target),
        "value": target.value,
        "today": target.of(found.today.found),
        "found": value,
        "ratio": value / target.value if value is not None else None,
    }


def _knob_json(found: Requirement, number: int) -> dict[str, Any]:
    knob, alone = found.knobs[number], found.alone[number]
    return {
        "path": knob.path,
        "sets": list(knob.leaves),
        "demand_in": "odds" if knob.odds else "ratio",
        "from": knob.values(knob.side.low),
        "to": knob.values(knob.side.high),
        "today": list(knob.today),
        "alone": None if alone is None else knob.values(alone.at[number]),
        "alone_demand_db": None if alone is None else DB * alone.demand,
    }


def _point_json(point: Point | None, knobs: Sequence[Knob]) -> dict[str, Any] | None:
    if point is None:
        return None
    return {
        "demand_db": DB * point.demand,
        "parameters": {
            knob.path: {"values": knob.values(x), "demand_db": DB * abs(x)}
            for knob, x in zip(knobs, point.at, strict=True)
        },
        "yield": None if point.found is None else point.found._asdict(),
    }


def sensitivity_json(found: Sensitivity) -> dict[str, Any]:
    """Returns what each parameter does to a figure, under documented keys."""
    return {
        "figure": found.figure,
        "around": "least_demanding" if any(found.point.at) else "today",
        "value": found.base,
        "parameters": [_bar_json(bar) for bar in found.bars],
    }


def _bar_json(bar: Bar) -> dict[str, Any]:
    return {
        "path": bar.knob.path,
        "elasticity": bar.elasticity,
        "ln_per_db": None if bar.per_demand is None else bar.per_demand / DB,
        "from": bar.knob.values(bar.ends[0]),
        "to": bar.knob.values(bar.ends[1]),
        "figure_from": bar.values[0],
        "figure_to": bar.values[1],
    }


def _confirmed_json(confirmed: Confirmation) -> dict[str, Any]:
    return {
        "seed": confirmed.seed,
        "heralds": confirmed.heralds,
        "sim_time_s": confirmed.sim_time_s,
        "partial": confirmed.partial,
        "consistent": confirmed.consistent,
        "figures": [
            {**c._asdict(), "sigma": c.sigma, "consistent": c.consistent} for c in confirmed.checks
        ],
    }


def _sign(target: Target) -> str:
    return ">=" if target.at_least else "<="


def _db(x: float) -> str:
    return f"{DB * x:.2f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
