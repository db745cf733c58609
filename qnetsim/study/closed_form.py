"""What a task is expected to yield, and what turns its counts into key rates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qnetsim.budget import yield_of
from qnetsim.photonic_budget import expected as photonic_expected
from qnetsim.photonic_result import PhotonicResult
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.protocols.array_rate import ArrayExpectation
from qnetsim.protocols.diqkd import DIQKD, Isolation
from qnetsim.protocols.expectation import link_expectation, protocol_expectation
from qnetsim.protocols.pulsed import PulsedDIQKD
from qnetsim.scenario import Scenario
from qnetsim.security.rates import key_rate_of_bound
from qnetsim.study.task import Task, scenario_of

Table = NDArray[np.float64]
Tables = Mapping[tuple[int, int], Table]
"""How often each pair of outcomes came, by settings."""


@dataclass(frozen=True)
class ClosedForm:
    """A task's closed forms; ``None`` or empty where there is none.

    Attributes:
        protocol: what the parties do.
        herald_rate_hz: heralds a second; rounds where nothing heralds.
        herald_probability: of an attempt with both particles there; of links of memories.
        array: how the slots of arrays share such a link.
        duty_cycle: the share of time in which the link attempts.
        causes: the share of heralds that each cause makes.
        fidelity: right after a herald.
        chsh_s: S.
        qber: the error rate of all key pairs together.
        qbers: of each.
        key_rate_bits_per_round: by the protocol's bound.
        key_rate_bits_per_s: likewise.
        certified: the closed forms of a photonic scenario whose key a certificate proves.
    """

    protocol: DIQKD | PulsedDIQKD
    herald_rate_hz: float | None = None
    herald_probability: float | None = None
    array: ArrayExpectation | None = None
    duty_cycle: float | None = None
    causes: Mapping[str, float] = field(default_factory=dict)
    fidelity: float | None = None
    chsh_s: float | None = None
    qber: float | None = None
    qbers: tuple[float | None, ...] = ()
    key_rate_bits_per_round: float | None = None
    key_rate_bits_per_s: float | None = None
    certified: PhotonicResult | None = None

    def has_key_rate(self, tables: Tables) -> bool:
        """Tells whether there is a bound for the key, and rounds of all settings that it needs."""
        protocol = self.protocol
        if protocol.bound == "none":
            return False
        if self.certified is not None:
            return len(tables) == math.prod(self.certified.rounds.shape[:2])
        needed = {(x, y) for x, y, *_ in (*protocol.chsh_terms, *protocol.key_pairs)}
        return needed <= tables.keys()

    def key_rates(self, tables: Tables) -> Table:
        """Returns key rates of observed rounds in bits a round, below 0 where there is no key.

        Args:
            tables: of shape (k, 2, 2), for k sets of rounds; ``has_key_rate`` of each.

        Returns:
            Shape (k,).
        """
        if self.certified is not None:
            return _certified_rates(self.certified, tables)
        protocol = self.protocol
        n = {settings: table.sum(axis=(1, 2)) for settings, table in tables.items()}
        equal = {xy: table[:, 0, 0] + table[:, 1, 1] for xy, table in tables.items()}
        chsh_s = np.zeros(len(next(iter(n.values()))))
        for x, y, sign in protocol.chsh_terms:
            chsh_s += sign * (2 * equal[x, y] / n[x, y] - 1)
        wrong = equal if protocol.key_anticorrelated else {xy: n[xy] - equal[xy] for xy in n}
        qbers = [wrong[x, y] / n[x, y] for x, y in protocol.key_pairs]
        sifting = sum(n[x, y] for x, y in protocol.key_pairs) / sum(n.values())
        rates = key_rate_of_bound(protocol.bound, chsh_s, qbers, sifting)
        return rates - protocol.leak_bits_per_round


_LIFT_BITS = 10.0
"""More than any key rate is below 0: a leak of so many bits less keeps it from being clipped."""


def closed_form_of(task: Task) -> ClosedForm:
    """Returns the closed forms of a task.

    Raises:
        InvalidInputError: its scenario's parts do not fit together.
    """
    scenario = scenario_of(task.data)
    return _of_pulses(scenario) if isinstance(scenario, PhotonicScenario) else _of_link(scenario)


def _of_link(scenario: Scenario) -> ClosedForm:
    network, protocol = scenario.network(), scenario.model.protocol
    link = link_expectation(network, protocol.link, scenario.horizon_s)
    if link is None:
        return ClosedForm(protocol)
    present = yield_of(network, protocol, link)
    qbers: tuple[float, ...] = ()
    if link.states:
        arms = network.arms(protocol.link)
        qbers = tuple(map(float, protocol_expectation(protocol, arms, link.states).qbers))
    return ClosedForm(
        protocol=protocol,
        herald_rate_hz=present.herald_rate_hz,
        herald_probability=link.herald_probability,
        array=link.array,
        duty_cycle=link.duty_cycle,
        causes=link.causes,
        fidelity=present.fidelity,
        chsh_s=present.chsh_s,
        qber=present.qber,
        qbers=qbers,
        key_rate_bits_per_round=present.key_rate_bits_per_round,
        key_rate_bits_per_s=present.key_rate_bits_per_s,
    )


def _of_pulses(scenario: PhotonicScenario) -> ClosedForm:
    name, protocol = scenario.model.name, scenario.model.protocol
    figures = photonic_expected(scenario.link(), protocol, name, scenario.certificate)
    rate_hz = figures.law.herald_probability * figures.pulse_rate_hz
    qbers = tuple(figures.expected_qbers)
    known = [qber for qber in qbers if qber is not None]
    key = figures.expected_key_rate_bits_per_round
    return ClosedForm(
        protocol=protocol,
        herald_rate_hz=rate_hz,
        duty_cycle=1.0,
        causes=figures.law.cause_shares if figures.heralded else {},
        fidelity=figures.law.heralded_fidelity,
        chsh_s=figures.expected_chsh,
        qber=sum(known) / len(known) if known else None,
        qbers=qbers,
        key_rate_bits_per_round=key,
        key_rate_bits_per_s=None if key is None else key * rate_hz,
        certified=figures if scenario.certificate else None,
    )


def _certified_rates(figures: PhotonicResult, tables: Tables) -> Table:
    """Returns key rates of observed rounds by a certificate, as ``ClosedForm.key_rates`` does."""
    leak_bits = figures.protocol.leak_bits_per_round - _LIFT_BITS
    isolation = Isolation.model_construct(leak_bits_per_round=leak_bits)
    protocol = figures.protocol.model_copy(update={"isolation": isolation})
    rounds = np.zeros((len(next(iter(tables.values()))), *figures.rounds.shape[:2], 1, 1, 2, 2))
    for (x, y), table in tables.items():
        rounds[:, x, y, 0, 0] = table
    seen = (replace(figures, counts=n, protocol=protocol) for n in rounds.astype(np.int64))
    lifted = [result.key_rate_bits_per_round for result in seen]
    return np.array([math.nan if rate is None else rate - _LIFT_BITS for rate in lifted])
