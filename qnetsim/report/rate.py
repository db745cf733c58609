"""The rate of a link against its length, beside what physics allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim import units
from qnetsim.network import Network
from qnetsim.nodes.memory import MemoryNode
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import link_expectation
from qnetsim.protocols.session import Timing
from qnetsim.report.style import CLOSED, LIMIT, PUBLISHED, SIMULATED, new_figure, tidy
from qnetsim.result import Result
from qnetsim.simulation import Report, Simulation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_POINT_S = 1e6
_RELOADS = 20
_MOST_HERALDS = 30_000
_BLOCKS = 16


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
    """

    length_m: float
    herald_rate_hz: float | None
    event_ready_hz: float | None
    repeaterless_hz: float


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
        total = sum(channels[end].length_m for end in ends)
        for end in ends:
            share = channels[end].length_m / total if total else 1 / len(ends)
            channels[end] = channels[end].model_copy(update={"length_m": share * length_m})
        setattr(longer, table, channels)
    return longer


def rate_at(network: Network, link: str, length_m: float, duration_s: float) -> RatePoint:
    """Returns a link's rate at a length.

    Args:
        network: the hardware.
        link: the link's name.
        length_m: of both photon channels together, in m.
        duration_s: over how long a drift is averaged, in s.

    References:
        Pirandola, Laurenza, Ottaviani and Banchi, Nat. Commun. 8, 15043 (2017).
    """
    longer = stretched(network, link, length_m)
    arms = longer.arms(link)
    expected = link_expectation(longer, link, duration_s)
    passed = math.prod(arm.channel.losses(arm.carried_m).get("attenuation", 1.0) for arm in arms)
    station = longer.station_of(link)
    flight = max(arm.channel.delay_ps for arm in arms)
    round_trip_s = units.to_seconds(flight + max(Timing.of(arms, station).latencies))
    attempts_hz = 1 / round_trip_s
    heralds = {"single-photon": None, "midpoint": 1.0}.get(station.measurement, 0.5)
    return RatePoint(
        length_m,
        expected.herald_rate_hz if expected else None,
        None if heralds is None else attempts_hz * passed * heralds,
        attempts_hz * -math.log1p(-passed) / math.log(2) if passed < 1 else math.inf,
    )


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
    go_on: Report | None = report and (lambda *_: report(len(rates)))
    for length_m in lengths_m:
        longer = stretched(network, protocol.link, length_m)
        simulation = Simulation(longer, protocol, seed)
        result = simulation.run(_long_enough_s(longer, protocol.link, heralds), go_on)
        if result.partial:
            break
        rate = _steady_rate(result, length_m)
        if rate is not None:
            rates.append(rate)
    return rates


def _long_enough_s(network: Network, link: str, heralds: int) -> float:
    """Returns how long to simulate, in s: so many heralds, and many reloads of a trap.

    Reloads count only up to a number of heralds; the blocks' scatter shows what they leave open.
    """
    expected = link_expectation(network, link, _LONGEST_POINT_S)
    arms = network.arms(link)
    period_s = units.to_seconds(Timing.of(arms, network.station_of(link)).period)
    rate_hz = expected.herald_rate_hz if expected else 1 / period_s
    if not rate_hz:
        return _LONGEST_POINT_S
    reloads_s = _RELOADS * max(_reload_s(arm.node) for arm in arms)
    wanted_s = max(heralds / rate_hz, min(reloads_s, _MOST_HERALDS / rate_hz))
    return min(wanted_s, _LONGEST_POINT_S)


def _reload_s(node: MemoryNode) -> float:
    """Returns the mean time from one loading of a node's trap to the next, in s."""
    if node.trap is None or node.trap.lifetime_s is None:
        return 0.0
    return node.trap.loading_mean_s + node.trap.lifetime_s


def _steady_rate(result: Result, length_m: float) -> SimulatedRate | None:
    """Returns the rate after a start-up, with the error that the scatter of its blocks shows."""
    edges = np.linspace(0, result.sim_time_s, _BLOCKS + 2)
    counts = np.histogram(result.heralds.time_s, edges)[0][1:]
    block_s = float(edges[1])
    if not counts.sum():
        return None
    poisson = math.sqrt(counts.sum()) / _BLOCKS
    scatter = float(np.std(counts, ddof=1)) / math.sqrt(_BLOCKS)
    return SimulatedRate(
        length_m, float(np.mean(counts)) / block_s, max(poisson, scatter) / block_s
    )


def default_lengths_m(network: Network, link: str, points: int) -> list[float]:
    """Returns lengths from a tenth of the link's own to ten times it, which hold 0.1 to 10 km."""
    own = sum(arm.channel.length_m for arm in network.arms(link))
    shortest, longest = min(own or math.inf, 1000.0) / 10, max(own, 1000.0) * 10
    return [float(x) for x in np.geomspace(max(shortest, 1.0), longest, points)]


def draw_rates(
    title: str,
    curve: Sequence[RatePoint],
    simulated: Sequence[SimulatedRate],
    here: tuple[float, float] | None,
) -> Figure:
    """Returns the picture of a link's rate against its length.

    Args:
        title: of the picture.
        curve: closed form and limits.
        simulated: simulated rates.
        here: the link's own length in m and its published rate in Hz, or ``None``.
    """
    figure, axes = new_figure()
    km = [point.length_m / 1000 for point in curve]
    closed = [point.herald_rate_hz or math.nan for point in curve]
    if not all(map(math.isnan, closed)):
        axes.plot(km, closed, color=CLOSED, lw=1.2, label="closed form")
    limits = [p.event_ready_hz for p in curve if p.event_ready_hz is not None]
    bounds = [p.repeaterless_hz for p in curve]
    if limits:
        label = "limit of event-ready links, one pair of slots"
        axes.plot(km, limits, "--", color=LIMIT, lw=1.2, label=label)
    label = "repeaterless bound, once a round trip (bits/s)"
    axes.plot(km, bounds, ":", color=LIMIT, lw=1.2, label=label)
    axes.errorbar(
        [point.length_m / 1000 for point in simulated],
        [point.herald_rate_hz for point in simulated],
        [point.stderr_hz for point in simulated],
        fmt="o", ms=4, capsize=2, color=SIMULATED, label="simulated",
    )  # fmt: skip
    if here is not None:
        axes.plot(here[0] / 1000, here[1], "D", color=PUBLISHED, ms=6, label="published")
    axes.set(xscale="log", yscale="log", xlabel="fibre in all (km)", ylabel="heralds a second")
    lowest = min([y for y in closed if y > 0] + [p.herald_rate_hz for p in simulated], default=1e-3)
    highest = max(y for y in [*limits, *bounds, 1.0] if math.isfinite(y))
    axes.set_ylim(max(lowest, highest * 1e-15) / 3, highest * 10)
    axes.set_title(title, fontsize="medium", loc="left")
    axes.legend(frameon=False, fontsize="small")
    tidy(axes)
    return figure
