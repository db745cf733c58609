"""What a task is expected to yield, and what turns its counts into key rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from qnetsim.budget import yield_of
from qnetsim.photonic_budget import expected as photonic_expected
from qnetsim.photonic_result import PhotonicResult
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.protocols.diqkd import DIQKD, Isolation
from qnetsim.protocols.expectation import link_expectation, protocol_expectation
from qnetsim.protocols.pulsed import PulsedDIQKD
from qnetsim.scenario import Scenario
from qnetsim.study.task import Task, scenario_of

Tables = Mapping[tuple[int, int], NDArray[np.float64]]
"""How often each pair of outcomes came, by settings."""


@dataclass(frozen=True)
class ClosedForm:
    """A task's closed forms; ``None`` or empty where there is none.

    Attributes:
        protocol: what the parties do.
        herald_rate_hz: heralds a second; rounds where nothing heralds.
        duty_cycle: the share of time in which the link attempts.
        causes: the share of heralds that each cause makes.
        fidelity: right after a herald.
        chsh_s: S.
        qber: the error rate of all key pairs together.
        qbers: of each.
        key_rate_bits_per_round: by the protocol's bound.
        key_rate_bits_per_s: likewise.
        certified_rate: the key rate of observed rounds by the protocol's certificate, below 0 where
            there is no key; ``None`` where a formula gives it.
    """

    protocol: DIQKD | PulsedDIQKD
    herald_rate_hz: float | None = None
    duty_cycle: float | None = None
    causes: Mapping[str, float] = field(default_factory=dict)
    fidelity: float | None = None
    chsh_s: float | None = None
    qber: float | None = None
    qbers: tuple[float | None, ...] = ()
    key_rate_bits_per_round: float | None = None
    key_rate_bits_per_s: float | None = None
    certified_rate: Callable[[Tables], float | None] | None = None


LIFT_BITS = 10.0
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
        certified_rate=partial(_certified_rate, figures) if scenario.certificate else None,
    )


def _certified_rate(figures: PhotonicResult, tables: Tables) -> float | None:
    """Returns the key rate of observed rounds by a certificate, below 0 where there is no key."""
    counts = np.zeros((*figures.rounds.shape[:2], 1, 1, 2, 2))
    for (x, y), table in tables.items():
        counts[x, y, 0, 0] = table
    leak_bits = figures.protocol.leak_bits_per_round - LIFT_BITS
    isolation = Isolation.model_construct(leak_bits_per_round=leak_bits)
    protocol = figures.protocol.model_copy(update={"isolation": isolation})
    seen = replace(figures, counts=counts.astype(np.int64), protocol=protocol)
    lifted = seen.key_rate_bits_per_round
    return None if lifted is None else lifted - LIFT_BITS
