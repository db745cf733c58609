"""Inverse design: the least demanding hardware that reaches a target, from the closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from qnetsim.budget import Yield
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.study import parameters
from qnetsim.study.demand import Search, Vector
from qnetsim.study.knob import Knob
from qnetsim.study.target import Target

Asked = Callable[[int], bool]
"""Called with the number of closed forms asked for so far; returns whether to go on."""

AnyScenario = Scenario | PhotonicScenario


class Point(NamedTuple):
    """Values of the varied parameters, and what the link yields there.

    Attributes:
        at: the parameters' coordinates (see ``Knob``).
        found: what the link yields, or ``None`` where there is no closed form.
    """

    at: tuple[float, ...]
    found: Yield | None

    @property
    def demand(self) -> float:
        """The root of the summed squares of the coordinates."""
        return math.hypot(*self.at)


@dataclass(frozen=True)
class Requirement:
    """What it takes to reach targets.

    Attributes:
        scenario: the link's name.
        targets: what is wanted.
        knobs: what may be varied.
        today: the present hardware.
        reached: the least demanding point that reaches all targets, ``None`` where no setting in
            the ranges does.
        best: the point that came next to all targets.
        alone: for each parameter the least demanding point where only it changes, or ``None``.
            Where today's hardware reaches all targets, the first point at which some is lost.
        tried: of how many parameters ``alone`` is known; of fewer than all after an early end.
        asked: how many closed forms were computed.
        partial: whether the search was ended early; then ``reached`` is the best so far.
    """

    scenario: str
    targets: tuple[Target, ...]
    knobs: tuple[Knob, ...]
    today: Point
    reached: Point | None
    best: Point
    alone: tuple[Point | None, ...]
    tried: int
    asked: int
    partial: bool

    @property
    def met_today(self) -> bool:
        """Whether the present hardware reaches all targets."""
        return all(target.margin(self.today.found) >= 0 for target in self.targets)


class ClosedForms:
    """What a scenario yields at changed parameters.

    Args:
        scenario: the present hardware.
        knobs: what may be varied.
        report: called at each question; ends the questions by an ``Interrupted``.
    """

    def __init__(
        self, scenario: AnyScenario, knobs: Sequence[Knob], report: Asked | None = None
    ) -> None:
        self.scenario = scenario
        self.knobs = tuple(knobs)
        self.asked = 0
        self._data = scenario.model.model_dump()
        self._report = report
        self._known: dict[tuple[float, ...], Yield | None] = {}

    def data(self, at: Sequence[float]) -> dict[str, Any]:
        """Returns the scenario's data at a point."""
        model = type(self.scenario).describes
        settings: dict[str, Any] = {}
        for knob, x in zip(self.knobs, at, strict=True):
            if x:
                settings |= knob.settings(float(x), self._data, model)
        return parameters.assign(self._data, settings)

    def point(self, at: Sequence[float] | Vector) -> Point:
        """Returns a point with what the link yields there; nothing where it is no valid link."""
        key = tuple(float(x) for x in at)
        if key not in self._known:
            self.asked += 1
            if self._report is not None and not self._report(self.asked):
                raise Interrupted
            try:
                self._known[key] = type(self.scenario)(self.data(key)).expected()
            except (ValueError, ArithmeticError):  # what does not fit together, or no round ever
                self._known[key] = None
        return Point(key, self._known[key])

    def points(self) -> list[Point]:
        """Returns every point asked for so far."""
        return [Point(at, found) for at, found in self._known.items()]


class Interrupted(Exception):  # noqa: N818
    """The caller has heard enough."""


def require(
    scenario: AnyScenario,
    targets: Sequence[Target],
    knobs: Sequence[Knob],
    report: Asked | None = None,
) -> Requirement:
    """Returns the least demanding hardware that reaches targets.

    Args:
        scenario: the present hardware.
        targets: all must hold.
        knobs: what may be varied, one or more.
        report: called at each closed form; ``False`` ends the search early.

    Raises:
        InvalidInputError: a target's figure has no closed form here.
    """
    forms = ClosedForms(scenario, knobs, report)
    nowhere = (0.0,) * len(knobs)
    alone: list[Point | None] = []
    reached, best, partial = None, None, False
    today = forms.point(nowhere) if report is None else _today(forms, nowhere)
    check_figures(scenario, targets, today.found)
    search = Search(lambda at: _margins(forms, targets, at), [knob.side for knob in knobs])
    try:
        if min(_margins(forms, targets, np.zeros(len(knobs)))) >= 0:
            reached = best = today
            search = Search(
                lambda at: np.array([-min(_margins(forms, targets, at)) - _LOST]),
                [knob.side for knob in knobs],
            )
        for number in range(len(knobs)):
            at = search.alone(number)
            alone.append(None if at is None else forms.point(at))
        if reached is None:
            found = search.least()
            best = forms.point(found.best)
            reached = None if found.point is None else forms.point(found.point)
    except Interrupted:
        partial = True
    tried = len(alone)
    alone += [None] * (len(knobs) - tried)
    if partial and reached is None:
        reached = _nearest(forms, targets)
    if best is None:
        best = max(forms.points(), key=lambda point: _worst(targets, point.found))
    return Requirement(
        scenario.model.name, tuple(targets), tuple(knobs), today, reached, best, tuple(alone),
        tried, forms.asked, partial,
    )  # fmt: skip


_LOST = 1e-9


def check_figures(scenario: AnyScenario, targets: Sequence[Target], today: Yield | None) -> None:
    """Raises InvalidInputError where a target's figure has no closed form in a scenario.

    A figure that is ``None`` only because nothing ever heralds is none of them: other parameters
    may change that.
    """
    faults = []
    protocol = scenario.model.protocol
    for target in targets:
        keyless = target.figure.startswith("key_rate") and protocol.bound == "none"
        if keyless:
            bound = "has no key rate: protocol.bound is 'none'"
            faults.append(Fault("--target", f"'{target}'", bound))
        elif today is None or (today.chsh_s is not None and target.of(today) is None):
            bound = "has no closed form in this scenario"
            faults.append(Fault("--target", f"'{target}'", bound))
    if faults:
        raise InvalidInputError(faults)


def _today(forms: ClosedForms, nowhere: tuple[float, ...]) -> Point:
    """Returns the present hardware, which no interruption keeps from being known."""
    try:
        return forms.point(nowhere)
    except Interrupted:
        return Point(nowhere, forms.scenario.expected())


def _margins(forms: ClosedForms, targets: Sequence[Target], at: Vector) -> Vector:
    found = forms.point(at).found
    return np.array([target.margin(found) for target in targets])


def _worst(targets: Sequence[Target], found: Yield | None) -> float:
    return min(target.margin(found) for target in targets)


def _nearest(forms: ClosedForms, targets: Sequence[Target]) -> Point | None:
    """Returns the least demanding of the points so far that reach all targets."""
    reached = [point for point in forms.points() if _worst(targets, point.found) >= 0]
    return min(reached, key=lambda point: point.demand, default=None)
