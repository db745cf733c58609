"""A small study with made-up points, so that pages can be looked at without a simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from qnetsim.protocols.array_rate import ArrayExpectation
from qnetsim.report.study.arrays import Law
from qnetsim.scenario import load_scenario
from qnetsim.study.study import Study
from qnetsim.study.table import Point
from qnetsim.study.uncertain import Figure

SCENARIOS = Path(__file__).resolve().parent.parent.parent / "scenarios"
HOSTILE = """<script>fetch("http://x.invalid")</script> "quoted" 'and' & $\\frac{ü$ 日本"""
ARRAY = {
    "total": 1000, "attempts": 900, "busy": 60, "cooling": 40, "blocked": 10, "heralds_blinded": 0,
}  # fmt: skip

LENGTHS = {"path": "link.length_m", "log": {"from": 1e3, "to": 1e5, "points": 3}}
STORE = {"store": "r.jsonl", "rows in it": "24"}
FAILED: dict[str, Any] = {"errors": {1: f"SimulationError: {HOSTILE}\nsecond line"}}
ARRAY_EXPECTATION = ArrayExpectation(
    slots=10, lanes=5, spacing_s=1e-6, spacing_by="dead time", round_trip_s=5e-6, round_s=1e-7,
    busy_lanes=4.5, blocked_hz=0.0, law_rate_hz=1000.0,
)  # fmt: skip
LAW = Law(ARRAY_EXPECTATION, 0.11)


def study_of(
    axes: list[dict[str, Any]], names: tuple[str, ...] = ("munich_33km",), **said: Any
) -> Study:
    """Returns a study of shipped scenarios."""
    data = {
        "name": "made_up", "title": HOSTILE, "source": HOSTILE, "repeats": 4,
        "block": {"max_rounds": 50}, "axes": axes, **said,
    }  # fmt: skip
    return Study(data, [load_scenario(SCENARIOS / f"{name}.toml") for name in names])


def points_of(study: Study, **changes: dict[str, Any]) -> list[Point]:
    """Returns its points with figures that fall off with the length.

    Args:
        study: the study.
        **changes: of a point's fields, by ``p`` and its number.
    """
    made = []
    for number, task in enumerate(study.tasks()):
        length_km = task.point.get("link.length_m", 1e4) / 1000
        rate_hz = 100 * math.exp(-length_km / 5) + number / 1000
        fields: dict[str, Any] = {
            "task": task, "values": dict(task.point), "blocks": 4, "ended": True, "errors": {},
            "figures": {
                "herald_rate_hz": figure(rate_hz, 0.05 * rate_hz, 1.01 * rate_hz),
                "chsh_s": figure(2.4, 0.05, 2.41),
                "qber": figure(0.05, 0.01, 0.051),
            },
            "counts": {},
        }  # fmt: skip
        made.append(Point(**(fields | changes.get(f"p{number}", {}))))
    return made


def figure(value: float, stderr: float, expected: float | None) -> Figure:
    return Figure(value, stderr, value - 1.96 * stderr, value + 1.96 * stderr, expected)


def counted(point: Point, **more: float) -> Point:
    counts = {"heralds": 90, "sim_time_s": 0.1, "array": {**ARRAY, **more}}
    rate = {"herald_rate_hz": figure(900.0, 90.0, 890.0)}
    return replace(point, counts=counts, figures=rate)
