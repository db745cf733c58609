"""The photon budget of a link: every loss and every noise on the way to a click, and its price.

What a part costs is found by making it perfect, and it alone, and asking the closed forms again;
what takes time, by letting it take none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from qnetsim import units
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.imperfections import imperfections, repaired
from qnetsim.network import Network
from qnetsim.optics import timing_of
from qnetsim.pauses import pauses
from qnetsim.physics.single_click import BOTH_EMITTED
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import (
    LinkExpectation,
    link_expectation,
    protocol_expectation,
)
from qnetsim.protocols.schedule import Schedule
from qnetsim.result import key_rate

LINEAR_OPTICS = 0.5
"""The share of Bell states that linear optics without further photons tells apart.

References:
    Calsamiglia and Luetkenhaus, Appl. Phys. B 72, 67 (2001), arXiv quant-ph/0007058.
"""

_ROUNDING = 1e-12
_NEVER_S = 1e18


class Yield(NamedTuple):
    """What a link and its protocol yield in closed form.

    Attributes:
        herald_rate_hz: heralds a second; rounds where nothing heralds.
        fidelity: right after a herald, with the Bell state that it names; ``None`` where nothing
            heralds.
        chsh_s: S; with the error rate and the key rate ``None`` if there never is a round.
        qber: the error rate of the key pairs.
        key_rate_bits_per_round: asymptotic, by the protocol's bound; ``None`` without one.
        key_rate_bits_per_s: the same a second.
    """

    herald_rate_hz: float
    fidelity: float | None
    chsh_s: float | None
    qber: float | None
    key_rate_bits_per_round: float | None
    key_rate_bits_per_s: float | None


class Attempts(NamedTuple):
    """How often a link attempts.

    Attributes:
        back_to_back_hz: attempts a second if one followed the other at all times.
        duty_cycle: the share of time in which the link attempts.
        rate_hz: attempts a second.
    """

    back_to_back_hz: float
    duty_cycle: float
    rate_hz: float


class Item(NamedTuple):
    """A loss, a noise, or what takes time.

    Attributes:
        part: where it stands.
        what: what it is.
        kind: ``loss``, ``noise`` or ``time``; ``inherent`` is a loss that no part can avoid.
        factor: what it leaves of a node's photons, at the station of the coincidences (of the
            photons where one heralds), or of the coherence; what takes time, of the attempts.
        without: what the link would yield if it were perfect, or took no time. Without the inherent
            loss it is the present, but for how often attempts herald.
    """

    part: str
    what: str
    kind: str
    factor: float
    without: Yield


@dataclass(frozen=True)
class Budget:
    """The photon budget of a link.

    Attributes:
        link: its name.
        attempts: how often it attempts.
        chains: for each node the chance that a pulse leads to a click, by what it is made of.
        present: what the link yields.
        items: its losses and noises.
    """

    link: str
    attempts: Attempts
    chains: dict[str, dict[str, float]]
    present: Yield
    items: list[Item]


def budget_of(network: Network, protocol: DIQKD, duration_s: float) -> Budget:
    """Returns the photon budget of a protocol's link.

    Args:
        network: the hardware.
        protocol: what is played on it.
        duration_s: over how long a drift is averaged, in s.

    Raises:
        InvalidInputError: the link has no closed form.
    """
    link = protocol.link
    now = _expected(network, link, duration_s)
    present = yield_of(network, protocol, now)
    items = [
        *_faults(network, protocol, duration_s),
        *_both_emitted(network, protocol, duration_s, now),
        *_inherent(network, link, duration_s, present),
        *_pauses(network, protocol, duration_s, now),
    ]
    schedule = Schedule.of(
        network.arms(link), network.station_of(link), network.links[link].multiplexing
    )
    back_to_back_hz = schedule.lanes / units.to_seconds(schedule.timing.period)
    attempts = Attempts(back_to_back_hz, now.duty_cycle, now.attempt_rate_hz)
    return Budget(link, attempts, _chains(network, link), present, items)


def _faults(network: Network, protocol: DIQKD, duration_s: float) -> Iterator[Item]:
    link = protocol.link
    for fault in imperfections(network, link):
        perfect = fault.mended(network, link)
        without = yield_of(perfect, protocol, _expected(perfect, link, duration_s))
        yield Item(fault.path(network, link), fault.what, fault.kind, fault.factor, without)


def _both_emitted(
    network: Network, protocol: DIQKD, duration_s: float, now: LinkExpectation
) -> Iterator[Item]:
    """Yields what heralds of both nodes' photons cost where one heralds, against telling them."""
    link = protocol.link
    share = now.causes.get(BOTH_EMITTED)
    alone = link_expectation(network, link, duration_s, [BOTH_EMITTED]) if share else None
    if share and alone:
        part = f"stations.{network.links[link].station}"
        yield Item(part, BOTH_EMITTED, "noise", 1 - share, yield_of(network, protocol, alone))


def _inherent(network: Network, link: str, duration_s: float, present: Yield) -> Iterator[Item]:
    if network.station_of(link).measurement in ("polarisation", "time-bin"):
        rate_hz = _rate_of_twice_as_many_hz(network, link, duration_s, present.herald_rate_hz)
        yield bell_measurement(f"stations.{network.links[link].station}", present, rate_hz)


def bell_measurement(part: str, present: Yield, without_hz: float) -> Item:
    """Returns the loss of a Bell measurement by linear optics.

    Args:
        part: the station.
        present: what the link yields.
        without_hz: heralds a second if every Bell state were told apart.
    """
    key = present.key_rate_bits_per_round
    key_hz = None if key is None else key * without_hz
    without = present._replace(herald_rate_hz=without_hz, key_rate_bits_per_s=key_hz)
    return Item(part, "Bell measurement by linear optics", "inherent", LINEAR_OPTICS, without)


def _rate_of_twice_as_many_hz(
    network: Network, link: str, duration_s: float, rate_hz: float
) -> float:
    """Returns the heralds a second of a link if twice as many attempts heralded.

    Its time from herald to herald is linear in the number of attempts that one takes (to leading
    order, where particles are lost). So two points give it: the link itself, and the link in which
    one node misses every other herald.
    """
    end = network.links[link].nodes[0], network.links[link].station
    heard = math.fsum(chance for _, chance in network.classical[end].lateness())
    misses = {
        "loss_probability": 1 - heard / 2,
        "jitter_mean_s": 0.0,
        "retransmit_after_s": _NEVER_S,
    }
    half = _expected(repaired(network, "classical", end, misses), link, duration_s)
    if not half.herald_rate_hz:
        return 0.0
    return 2 / (3 / rate_hz - 1 / half.herald_rate_hz)


def _pauses(
    network: Network, protocol: DIQKD, duration_s: float, now: LinkExpectation
) -> Iterator[Item]:
    """Yields what takes time; not what without which detectors would be dead beyond an attempt."""
    for pause in pauses(network, protocol.link):
        expected = link_expectation(pause.without, protocol.link, duration_s)
        if expected is None:
            continue
        if now.attempt_rate_hz < (1 - _ROUNDING) * expected.attempt_rate_hz:
            factor = now.attempt_rate_hz / expected.attempt_rate_hz
            without = yield_of(pause.without, protocol, expected)
            yield Item(f"links.{protocol.link}", pause.what, "time", factor, without)


def _expected(network: Network, link: str, duration_s: float) -> LinkExpectation:
    expected = link_expectation(network, link, duration_s)
    if expected is None:
        name = network.links[link].station
        dead_time_s = network.stations[name].detector.dead_time_s
        bound = "is too many attempts long for a closed form, and so for a budget"
        fault = Fault(f"stations.{name}.detector.dead_time_s", f"{dead_time_s:g}", bound)
        raise InvalidInputError([fault])
    return expected


def yield_of(network: Network, protocol: DIQKD, expected: LinkExpectation) -> Yield:
    """Returns what a link and its protocol yield.

    Args:
        network: the hardware.
        protocol: what is played on it.
        expected: the link's averages.
    """
    if not expected.states:
        return Yield(0.0, None, None, None, None, None)
    figures = protocol_expectation(protocol, network.arms(protocol.link), expected.states)
    sifting = sum(figures.key_probabilities)
    leak_bits = protocol.leak_bits_per_round
    rate = key_rate(protocol.bound, figures.chsh_s, figures.qbers, sifting, leak_bits)
    pairs = zip(figures.qbers, figures.key_probabilities, strict=True)
    return Yield(
        expected.herald_rate_hz,
        float(expected.heralded_fidelity),
        float(figures.chsh_s),
        float(sum(qber * chance for qber, chance in pairs) / sifting),
        rate,
        rate * expected.herald_rate_hz,
    )


def _chains(network: Network, link: str) -> dict[str, dict[str, float]]:
    arms, station = network.arms(link), network.station_of(link)
    acceptances = timing_of(arms, station).acceptances
    emits = station.source is None
    return {
        arm.name: {
            **({"excitation": arm.node.excitation_probability} if emits else {}),
            **arm.losses,
            "detector": station.detector.efficiency,
            "time window": accepted,
        }
        for arm, accepted in zip(arms, acceptances, strict=True)
    }
