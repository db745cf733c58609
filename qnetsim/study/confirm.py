"""Whether a simulation bears out what the closed forms say of a link."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from qnetsim.budget import Yield
from qnetsim.nodes.memory import Trap
from qnetsim.photonic_result import PhotonicResult
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.protocols.bell_test import Estimate
from qnetsim.result import Result, key_rate
from qnetsim.scenario import Scenario
from qnetsim.simulation import Report
from qnetsim.spec import LONGEST_RUN_S
from qnetsim.study.steady import reload_variance, steady_rate

MOST_SIGMA = 4.0
"""A simulated figure so many standard errors from the closed form contradicts it."""

_FIRST_HERALDS = 2000
_FINE = 0.01
_RELOADS = 20
_SLOPE_STEP = 1e-4
_MOST_S = 4.0


class Check(NamedTuple):
    """A figure in closed form and simulated.

    Attributes:
        figure: a field of ``budget.Yield``.
        expected: the closed form.
        simulated: the simulation, ``None`` where it has too few heralds for it.
        stderr: its standard error; ``None`` where none is known.
    """

    figure: str
    expected: float | None
    simulated: float | None
    stderr: float | None

    @property
    def sigma(self) -> float | None:
        """How many standard errors the simulation is above the closed form."""
        if self.expected is None or self.simulated is None or not self.stderr:
            return None
        return (self.simulated - self.expected) / self.stderr

    @property
    def consistent(self) -> bool | None:
        """Whether they agree within ``MOST_SIGMA``; ``None`` where that cannot be told."""
        if self.sigma is None:
            return True if self.simulated is not None and self.exact else None
        return abs(self.sigma) <= MOST_SIGMA

    @property
    def exact(self) -> bool:
        """Whether both are the same number: of pulses a second, say, where each is a round."""
        return self.simulated == self.expected


@dataclass(frozen=True)
class Confirmation:
    """What a simulation says of a link.

    Attributes:
        seed: its seed.
        heralds: how many heralds (or rounds) were simulated.
        sim_time_s: simulated time.
        partial: whether it was ended early.
        checks: the figures.
    """

    seed: int
    heralds: int
    sim_time_s: float
    partial: bool
    checks: tuple[Check, ...]

    @property
    def consistent(self) -> bool | None:
        """Whether every figure agrees; ``None`` where one cannot be judged."""
        verdicts = [check.consistent for check in self.checks]
        if any(verdict is False for verdict in verdicts):
            return False
        return True if verdicts and all(verdicts) else None


def confirm(
    kind: type[Scenario] | type[PhotonicScenario],
    data: Mapping[str, Any],
    figures: Sequence[str],
    *,
    seed: int,
    heralds: int,
    report: Report | None = None,
) -> Confirmation:
    """Simulates a link until its figures have standard errors of 1 %, or has so many heralds.

    Where traps reload seldom, their reloads set how long that takes. A photonic link in which
    nothing heralds is run as its file says.

    Args:
        kind: of the scenario.
        data: the scenario.
        figures: what to compare, fields of ``budget.Yield``.
        seed: of all random numbers.
        heralds: heralds (or rounds) at most; 9e6 simulated seconds at most.
        report: see ``Simulation.run``.
    """
    if kind is Scenario:
        # What drifts is averaged over the file's own run, in closed form.
        horizon_s = data["run"]["duration_s"] or LONGEST_RUN_S
        ends = {"duration_s": horizon_s, "max_rounds": heralds, "resolution": "herald"}
        memories = Scenario({**data, "run": {**data["run"], **ends}})
        return _of_memories(memories, figures, seed, heralds, report)
    scenario = PhotonicScenario(data)
    if scenario.link().heralded:
        ends = {"duration_s": None, "max_rounds": heralds, "resolution": "herald"}
        scenario = PhotonicScenario({**data, "run": {**data["run"], **ends}})
    result = scenario.run(seed, report=report)
    rounds = int(result.rounds.sum())
    checks = tuple(_checks(scenario.expected(), result, figures, _rate(result)))
    return Confirmation(seed, rounds, result.sim_time_s, result.partial, checks)


def _of_memories(
    scenario: Scenario, figures: Sequence[str], seed: int, heralds: int, report: Report | None
) -> Confirmation:
    expected = scenario.expected()
    rate_hz = expected.herald_rate_hz if expected else 0.0
    simulation = scenario.simulation(seed)
    traps = [arm.node.trap for arm in scenario.network().arms(scenario.model.protocol.link)]
    now_s, until_s = 0.0, _first_s(traps, rate_hz, heralds)
    while True:
        result = simulation.run(until_s - now_s, report)
        count = len(result.heralds)
        checks = tuple(_checks(expected, result, figures, _steady_rate(result, traps, rate_hz)))
        enough = count >= heralds or until_s >= LONGEST_RUN_S
        if result.partial or enough or all(map(_is_fine, checks)):
            return Confirmation(seed, count, result.sim_time_s, result.partial, checks)
        now_s, until_s = until_s, min(2 * until_s, LONGEST_RUN_S)


def _is_fine(check: Check) -> bool:
    known = check.stderr is not None and check.expected is not None
    return known and (check.stderr or 0.0) <= _FINE * abs(check.expected or 0.0)


def _steady_rate(result: Result, traps: Sequence[Trap | None], rate_hz: float) -> Estimate | None:
    """Returns the heralds a second, with the error that they should have by the closed form.

    A run in which traps happened to load late has few heralds, and so by itself too small an error.
    """
    seen = steady_rate(result, traps)
    if seen is None:
        return None
    foretold = rate_hz * math.sqrt(1 / seen.rounds + reload_variance(traps, result.sim_time_s))
    return seen._replace(stderr=max(seen.stderr, foretold))


def _first_s(traps: Sequence[Trap | None], rate_hz: float, heralds: int) -> float:
    """Returns how long to simulate at first, in s: some heralds, and many reloads of every trap.

    Reloads count only up to a number of heralds; the rate's error tells what they leave open.
    """
    if not rate_hz:
        return LONGEST_RUN_S
    cycles_s = [t.loading_mean_s + t.lifetime_s for t in traps if t is not None and t.lifetime_s]
    wanted_s = max(_FIRST_HERALDS / rate_hz, _RELOADS * max(cycles_s, default=0.0))
    return min(wanted_s, heralds / rate_hz, LONGEST_RUN_S)


def _rate(result: PhotonicResult) -> Estimate | None:
    wait = result.wait_s
    if wait is None:
        return None
    return Estimate(1 / wait.value, wait.stderr / wait.value**2, wait.rounds)


def _checks(
    expected: Yield | None,
    result: Result | PhotonicResult,
    figures: Sequence[str],
    rate: Estimate | None,
) -> Iterator[Check]:
    bits = _key_bits(result)
    if isinstance(result, PhotonicResult) and not result.heralded:
        rate = Estimate(result.pulse_rate_hz, 0.0, result.pulses)
    simulated = {
        "herald_rate_hz": rate,
        "fidelity": result.heralded_fidelity,
        "chsh_s": result.chsh,
        "qber": _qber(result),
        "key_rate_bits_per_round": bits,
        "key_rate_bits_per_s": _product(bits, rate),
    }
    for figure in figures:
        seen = simulated[figure]
        yield Check(
            figure,
            getattr(expected, figure) if expected else None,
            seen and seen.value,
            seen.stderr if seen and seen.stderr > 0 else None,
        )


def _qber(result: Result | PhotonicResult) -> Estimate | None:
    figures = result.summary()
    if figures["qber"] is None:
        return None
    return Estimate(figures["qber"], figures["qber_stderr"], 0)


def _product(first: Estimate | None, second: Estimate | None) -> Estimate | None:
    if first is None or second is None:
        return None
    stderr = math.hypot(first.stderr * second.value, second.stderr * first.value)
    return Estimate(first.value * second.value, stderr, first.rounds)


def _key_bits(result: Result | PhotonicResult) -> Estimate | None:
    """Returns secret bits a round; the error to first order, from those of S, Q and sifting.

    No error is known of a certified rate, which depends on all counts together, nor of one at 0.
    """
    value, chsh, protocol = result.key_rate_bits_per_round, result.chsh, result.protocol
    qbers = [q for q in result.qbers if q is not None]
    if value is None or chsh is None or len(qbers) < len(result.qbers):
        return None
    if protocol.bound == "sdp":
        return Estimate(value, 0.0, 0)
    total = len(result.rounds.x) if isinstance(result, Result) else int(result.rounds.sum())
    share = sum(q.rounds for q in qbers) / total
    sifting = Estimate(share, math.sqrt(share * (1 - share) / total), total)

    def rate(values: Sequence[float]) -> float:
        s, sifted, *errors = values
        return key_rate(protocol.bound, s, errors, sifted, protocol.leak_bits_per_round)

    seen = [chsh, sifting, *qbers]
    variance = 0.0
    for number, estimate in enumerate(seen):
        step, most = max(estimate.stderr, _SLOPE_STEP), _MOST_S if number == 0 else 1.0
        low, high = max(estimate.value - step, 0.0), min(estimate.value + step, most)
        values = [e.value for e in seen]
        ends = [rate([*values[:number], x, *values[number + 1 :]]) for x in (low, high)]
        slope = (ends[1] - ends[0]) / (high - low)
        variance += (slope * estimate.stderr) ** 2
    return Estimate(value, math.sqrt(variance), total)
