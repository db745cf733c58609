"""The photon budgets of a study's base scenarios, for its page."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from qnetsim.budget import Budget
from qnetsim.errors import InvalidInputError
from qnetsim.report.budget import LOOKS, budget_sections
from qnetsim.report.study.tables import Cell, Table
from qnetsim.report.study.wording import number
from qnetsim.study.study import Study

KINDS = {kind: words for kind, (words, _) in LOOKS.items()}
"""What the kinds of items are called."""


class Gain(NamedTuple):
    """A bar: how many times the rate a link would have without something."""

    label: str
    gain: str
    kind: str
    percent: float


class Shown(NamedTuple):
    """The budget of a base scenario.

    Attributes:
        title: the scenario's.
        bars: of what would raise the rate, the largest first.
        tables: each with its ``title`` and ``table``.
        fault: why there is none; empty where there is one.
    """

    title: str
    bars: list[Gain]
    tables: list[dict[str, Any]]
    fault: str


def budgets_of(study: Study) -> list[Shown]:
    """Returns the photon budget of every base scenario of a study."""
    found = []
    for name, scenario in study.scenarios.items():
        title = f"{scenario.model.title} ({name})"
        try:
            budget = scenario.budget()
        except InvalidInputError as error:
            found.append(Shown(title, [], [], f"There is none: {error}"))
            continue
        tables = [
            {
                "title": part.title,
                "table": Table(
                    list(part.headings),
                    [[Cell(t, look="number" if k else "") for k, t in enumerate(row)]
                     for row in part.rows],
                ),
            }
            for part in budget_sections(budget)
        ]  # fmt: skip
        found.append(Shown(title, _bars(budget), tables, ""))
    return found


def _bars(budget: Budget) -> list[Gain]:
    now = budget.present.herald_rate_hz
    if not now:
        return []
    gains = [(item.without.herald_rate_hz / now, item) for item in budget.items]
    raising = sorted(
        ((gain, item) for gain, item in gains if gain > 1.0005), key=lambda pair: -pair[0]
    )
    if not raising:
        return []
    longest = math.log(raising[0][0])
    return [
        Gain(f"{item.part}: {item.what}", number(gain), item.kind, 100 * math.log(gain) / longest)
        for gain, item in raising
    ]
