"""The rate of a link against its length, beside what physics allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qnetsim import units
from qnetsim.budget import LINEAR_OPTICS
from qnetsim.channels.channel import scaled_to
from qnetsim.network import Network
from qnetsim.nodes.memory import MemoryNode
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import LinkExpectation, link_expectation
from qnetsim.protocols.session import Timing
from qnetsim.report.style import CLOSED, LIMIT, PUBLISHED, SIMULATED, new_figure, tidy
from qnetsim.simulation import Report, Simulation
from qnetsim.study.steady import steady_rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH_LABEL = "fibre in all (km)"
LONGEST_POINT_S = 1e6
_RELOADS = 20
_MOST_HERALDS = 200_000


class Labels(NamedTuple):
    """What a picture calls the two limits of ``RatePoint``, and those heralds that they bound."""

    event_ready: str
    repeaterless: str
    pairs: str


_BEST_DB_PER_KM = 0.2
_SILICA = 1.468

ONE_PAIR_OF_SLOTS = Labels(
    "limit of event-ready links, one pair of slots",
    "repeaterless bound, once a round trip (bits/s)",
    "of these, without dark counts or surplus photons",
)
_BY_PAIRS = ("true pair", "distinguishable photons")
_LOOK_ALIKE = 0.9


class RatePoint(NamedTuple):
    """A link's rate at one length, in closed form and beside two limits.

    Attributes:
        length_m: of both its channels together.
        herald_rate_hz: heralds a second in closed form; ``None`` where there is none.
        event_ready_hz: the limit of such a link with one pair of slots, every part perfect and no
            overhead: for each round trip of light and message T/2 heralds of two photons, T of a
            source in the middle. ``None`` where one photon heralds, whose rate has its price in
            fidelity and goes with the root of T.
        repeaterless_hz: the repeaterless bound, -log2(1 - T) secret bits for each such round trip.
        pairs_hz: the heralds that the limits are about. Of an all-photonic link, those that one
            photon each for either user follows; of memories, those that just the photons which
            ought to herald made there, however alike. ``None`` where there is no closed form.
    """

    length_m: float
    herald_rate_hz: float | None
    event_ready_hz: float | None
    repeaterless_hz: float
    pairs_hz: float | None = None


class SimulatedRate(NamedTuple):
    """A simulated rate and its standard error, in Hz, at a length in m."""

    length_m: float
    herald_rate_hz: float
    stderr_hz: float


def stretched(network: Network, link: str, length_m: float) -> Network:
    """Returns a network with one link's channels scaled to a length in all.

    The station keeps its place between the nodes; it stands in the middle where the link had no
    length.

    Args:
        network: the hardware.
        link: the link's name.
        length_m: of both photon channels together, in m.
    """
    longer = Network()
    longer.nodes, longer.stations = network.nodes, network.stations
    longer.converters, longer.links = network.converters, network.links
    station = network.links[link].station
    ends = [(arm.name, station) for arm in network.arms(link)]
    for table in ("fibres", "classical"):
        channels = dict(getattr(network, table))
        scaled = scaled_to([channels[end].length_m for end in ends], length_m)
        for end, longer_m in zip(ends, scaled, strict=True):
            channels[end] = channels[end].model_copy(update={"length_m": longer_m})
        setattr(longer, table, channels)
    return longer


def repeaterless_bits(transmission: float) -> float:
    """Returns the repeaterless bound of a channel, -log2(1 - T) secret bits for each use.

    Args:
        transmission: T, of the whole fibre.

    References:
        Pirandola, Laurenza, Ottaviani and Banchi, Nat. Commun. 8, 15043 (2017).
    """
    return -math.log1p(-transmission) / math.log(2) if transmission < 1 else math.inf


def ideal_rate_hz(length_m: float) -> float:
    """Returns the limit of any event-ready link with one pair of slots: T/2 v/L heralds a second.

    Every efficiency is 1, nothing takes time but light and message, half of the Bell states are
    told apart, and the fibre has 0.2 dB/km.

    Args:
        length_m: L, of both fibres together, in m.
    """
    passed = units.transmission(_BEST_DB_PER_KM * length_m / 1000)
    return LINEAR_OPTICS * passed / units.propagation_s(length_m, _SILICA)


def rate_at(network: Network, link: str, length_m: float, duration_s: float) -> RatePoint:
    """Returns a link's rate at a length.

    Args:
        network: the hardware.
        link: the link's name.
        length_m: of both photon channels together, in m.
        duration_s: over how long a drift is averaged, in s.
    """
    longer = stretched(network, link, length_m)
    arms = longer.arms(link)
    expected = link_expectation(longer, link, duration_s)
    passed = math.prod(arm.channel.losses(arm.carried_m).get("attenuation", 1.0) for arm in arms)
    station = longer.station_of(link)
    flight = max(arm.channel.delay_ps for arm in arms)
    round_trip_s = units.to_seconds(flight + max(Timing.of(arms, station).latencies))
    attempts_hz = 1 / round_trip_s
    heralds = {"single-photon": None, "midpoint": 1.0}.get(station.measurement, LINEAR_OPTICS)
    return RatePoint(
        length_m,
        expected.herald_rate_hz if expected else None,
        None if heralds is None else attempts_hz * passed * heralds,
        attempts_hz * repeaterless_bits(passed),
        expected and expected.herald_rate_hz * _share_by_pairs(expected),
    )


def _share_by_pairs(expected: LinkExpectation) -> float:
    return math.fsum(expected.causes.get(cause, 0.0) for cause in _BY_PAIRS)


def simulate_rates(
    network: Network,
    protocol: DIQKD,
    lengths_m: Sequence[float],
    *,
    seed: int,
    heralds: int,
    report: Callable[[int], bool] | None = None,
) -> list[SimulatedRate]:
    """Returns simulated rates in the steady state.

    Each comes from about so many heralds, or more where traps reload seldom; from a million
    simulated seconds at most.

    Args:
        network: the hardware.
        protocol: what is played.
        lengths_m: of both photon channels together, in m.
        seed: of all random numbers.
        heralds: to wait for at each length.
        report: called with the number of finished lengths now and then; ``False`` ends it early.
    """
    rates: list[SimulatedRate] = []
    seeds = point_seeds(seed, len(lengths_m))
    traps = [arm.node.trap for arm in network.arms(protocol.link)]
    for done, (length_m, own_seed) in enumerate(zip(lengths_m, seeds, strict=True)):
        longer = stretched(network, protocol.link, length_m)
        simulation = Simulation(longer, protocol, own_seed)
        go_on: Report | None = report and (lambda *_, done=done: report(done))
        result = simulation.run(_long_enough_s(longer, protocol.link, heralds), go_on)
        if result.partial:
            break
        rate = steady_rate(result, traps)
        if rate is not None:
            rates.append(SimulatedRate(length_m, rate.value, rate.stderr))
        if report and not report(done + 1):
            break
    return rates


def point_seeds(seed: int, points: int) -> list[int]:
    """Returns a seed for each point, or equal draws would push all of them the same way."""
    return [int(k) for k in np.random.SeedSequence(seed).generate_state(points, np.uint64)]


def _long_enough_s(network: Network, link: str, heralds: int) -> float:
    """Returns how long to simulate, in s: so many heralds, and many reloads of a trap.

    Reloads count only up to a number of heralds; ``study.steady`` tells what they leave open.
    """
    expected = link_expectation(network, link, LONGEST_POINT_S)
    arms = network.arms(link)
    period_s = units.to_seconds(Timing.of(arms, network.station_of(link)).period)
    rate_hz = expected.herald_rate_hz if expected else 1 / period_s
    if not rate_hz:
        return LONGEST_POINT_S
    reloads_s = _RELOADS * max(_reload_s(arm.node) for arm in arms)
    wanted_s = max(heralds / rate_hz, min(reloads_s, _MOST_HERALDS / rate_hz))
    return min(wanted_s, LONGEST_POINT_S)


def _reload_s(node: MemoryNode) -> float:
    """Returns the mean time from one loading of a node's trap to the next, in s."""
    if node.trap is None or node.trap.lifetime_s is None:
        return 0.0
    return node.trap.loading_mean_s + node.trap.lifetime_s


def default_lengths_m(own_m: float, points: int) -> list[float]:
    """Returns lengths from a tenth of a link's own to ten times it, which hold 0.1 to 10 km."""
    shortest, longest = min(own_m or math.inf, 1000.0) / 10, max(own_m, 1000.0) * 10
    return [float(x) for x in np.geomspace(max(shortest, 1.0), longest, points)]


def draw_rates(
    title: str,
    curve: Sequence[RatePoint],
    simulated: Sequence[SimulatedRate],
    here: tuple[float, float] | None,
    labels: Labels = ONE_PAIR_OF_SLOTS,
) -> Figure:
    """Returns the picture of a link's rate against its length.

    Args:
        title: of the picture.
        curve: closed form and limits.
        simulated: simulated rates.
        here: the link's own length in m and its published rate in Hz, or ``None``.
        labels: what the curves are called.
    """
    figure, axes = new_figure()
    lines: list[tuple[list[float | None], str, dict[str, Any]]] = [
        ([p.herald_rate_hz for p in curve], "closed form", {"color": CLOSED}),
        ([p.event_ready_hz for p in curve], labels.event_ready, {"color": LIMIT, "ls": "--"}),
        ([p.repeaterless_hz for p in curve], labels.repeaterless, {"color": LIMIT, "ls": ":"}),
    ]
    if any((p.pairs_hz or 0.0) < _LOOK_ALIKE * (p.herald_rate_hz or 0.0) for p in curve):
        pairs = [p.pairs_hz for p in curve]
        lines.insert(1, (pairs, labels.pairs, {"color": CLOSED, "ls": "-."}))
    km = [point.length_m / 1000 for point in curve]
    lowest, highest = _decades(curve, simulated)
    for rates, label, look in lines:
        known = [math.nan if rate is None else rate for rate in rates]
        if any(lowest < rate < highest for rate in known):
            axes.plot(km, known, lw=1.2, label=label, **look)
    draw_points(axes, simulated, here)
    axes.set(xscale="log", yscale="log", xlabel=LENGTH_LABEL, ylabel="heralds a second")
    axes.set_ylim(lowest, highest)
    axes.set_title(title, fontsize="medium", loc="left")
    axes.legend(frameon=False, fontsize="small")
    tidy(axes)
    return figure


def draw_points(
    axes: Any, simulated: Sequence[tuple[float, float, float]], here: tuple[float, float] | None
) -> None:
    """Draws simulated values with their standard errors, and a published one, against lengths.

    Args:
        axes: where.
        simulated: length in m, value and standard error of each.
        here: the link's own length in m and what is published at it, or ``None``.
    """
    if simulated:
        lengths, values, errors = zip(*simulated, strict=True)
        axes.errorbar(
            [length_m / 1000 for length_m in lengths], values, errors,
            fmt="o", ms=4, capsize=2, color=SIMULATED, label="simulated",
        )  # fmt: skip
    if here is not None:
        axes.plot(here[0] / 1000, here[1], "D", color=PUBLISHED, ms=6, label="published")


def _decades(curve: Sequence[RatePoint], simulated: Sequence[SimulatedRate]) -> tuple[float, float]:
    """Returns what of the rates a picture shows: 15 decades at most under the largest limit."""
    rates = [rate for _, rate, *_ in curve if rate] + [rate for _, rate, _ in simulated]
    limits = [y for p in curve for y in (p.event_ready_hz, p.repeaterless_hz) if y is not None]
    highest = max(y for y in [*limits, *rates, 1.0] if math.isfinite(y))
    return max(min(rates, default=1e-3), highest * 1e-15) / 3, highest * 10
