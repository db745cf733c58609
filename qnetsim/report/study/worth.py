"""Against whom a study's key rates hold, and what they assume."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from qnetsim.security.keyrate import worth_of
from qnetsim.study.table import Point


class Worth(NamedTuple):
    """What key rates are worth.

    Attributes:
        scenarios: the base scenarios whose rates these are.
        overlapping: whether of nodes with several slots.
        bound: the entropy bound.
        attacks: which it holds against.
        assumptions: all that it presumes.
    """

    scenarios: list[str]
    overlapping: bool
    bound: str
    attacks: str
    assumptions: list[str]


def worth_of_points(points: Sequence[Point]) -> list[Worth]:
    """Returns what the key rates of points are worth; nothing of those without a bound.

    Args:
        points: of one study.
    """
    found: dict[tuple[str, bool, bool], list[str]] = {}
    for point in points:
        protocol: dict[str, Any] = point.task.data["protocol"]
        if protocol["bound"] == "none" or "key_rate_bits_per_s" not in point.figures:
            continue
        nodes = point.task.data.get("nodes", {}).values()
        overlapping = bool(nodes) and min(node.get("slots", 1) for node in nodes) > 1
        post_selected = protocol.get("keep_no_click", 1.0) < 1
        names = found.setdefault((protocol["bound"], post_selected, overlapping), [])
        if point.task.scenario not in names:
            names.append(point.task.scenario)
    worth = []
    for (bound, post_selected, overlapping), names in found.items():
        told = worth_of(bound, post_selected=post_selected, overlapping=overlapping)
        worth.append(Worth(names, overlapping, bound, told["attacks"], told["assumptions"]))
    return worth
