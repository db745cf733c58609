"""An all-photonic link against its length: heralds a second, or S where nothing heralds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from qnetsim.budget import LINEAR_OPTICS
from qnetsim.channels.channel import scaled_to
from qnetsim.channels.fibre import Fibre
from qnetsim.photonic_budget import expected
from qnetsim.photonic_result import PhotonicResult
from qnetsim.protocols.pulsed import PulsedDIQKD, PulsedLink
from qnetsim.protocols.pulses import Plan, play
from qnetsim.report.rate import (
    LENGTH_LABEL,
    LONGEST_POINT_S,
    Labels,
    RatePoint,
    SimulatedRate,
    draw_points,
    point_seeds,
    repeaterless_bits,
)
from qnetsim.report.style import CLOSED, LIMIT, new_figure, tidy
from qnetsim.rng import Streams

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOCAL = 2.0


class ChshPoint(NamedTuple):
    """S at a length in m, and its standard error; 0 in closed form."""

    length_m: float
    chsh_s: float
    stderr: float = 0.0


def stretched(link: PulsedLink, length_m: float) -> PulsedLink:
    """Returns a link whose fibres, as far as light goes through them, are scaled to a length.

    Args:
        link: the hardware.
        length_m: of these fibres together, in m.
    """
    fibres: list[Fibre | None] = [*link.fibres, *link.relay_fibres]
    lit = _lit(link)
    scaled = scaled_to([fibre.length_m for fibre in lit.values()], length_m)
    for (place, fibre), longer_m in zip(lit.items(), scaled, strict=True):
        fibres[place] = fibre.model_copy(update={"length_m": longer_m})
    alice, bob, alice_relay, bob_relay = fibres
    assert alice is not None
    assert bob is not None
    return link._replace(fibres=(alice, bob), relay_fibres=(alice_relay, bob_relay))


def _lit(link: PulsedLink) -> dict[int, Fibre]:
    """Returns the fibres that light goes through, by their place: the users', then the relays'."""
    relays = [
        f if u.active_relay else None for u, f in zip(link.users, link.relay_fibres, strict=True)
    ]
    return {k: fibre for k, fibre in enumerate([*link.fibres, *relays]) if fibre is not None}


def length_of(link: PulsedLink) -> float:
    """Returns the length of a link's fibres together, in m."""
    return sum(fibre.length_m for fibre in _lit(link).values())


def labels_of(link: PulsedLink) -> Labels:
    """Returns what the curves of a link with heralds are called."""
    halves = _bell_measurements(link)
    share = f"T/{2**halves}" if halves else "T"
    return Labels(
        f"limit of event-ready links, {share} a pulse",
        "repeaterless bound, once a pulse (bits/s)",
        "of these, with one photon for either user",
    )


def _bell_measurements(link: PulsedLink) -> int:
    return sum(user.active_relay is not None for user in link.users)


def rate_at(link: PulsedLink, protocol: PulsedDIQKD, length_m: float) -> RatePoint:
    """Returns the heralds a second of a link at a length.

    The limit of such a link has every part perfect and one pair in each pulse: T heralds a pulse,
    T of all fibre, times ``LINEAR_OPTICS`` for each Bell measurement. Heralds without a photon for
    either user may exceed it.

    Args:
        link: the hardware, which heralds.
        protocol: what the users do.
        length_m: of the fibres together, in m.
    """
    longer = stretched(link, length_m)
    law = expected(longer, protocol).law
    pulses_hz, wavelength_m = link.source.pulse_rate_hz, link.source.wavelength_m
    passed = math.prod(f.losses(wavelength_m)["attenuation"] for f in _lit(longer).values())
    heralds_hz = law.herald_probability * pulses_hz
    return RatePoint(
        length_m,
        heralds_hz,
        passed * LINEAR_OPTICS ** _bell_measurements(link) * pulses_hz,
        repeaterless_bits(passed) * pulses_hz,
        law.cause_shares.get("pair", 0.0) * heralds_hz,
    )


def chsh_at(link: PulsedLink, protocol: PulsedDIQKD, length_m: float) -> ChshPoint:
    """Returns S of a link without heralds at a length, lost photons included.

    Args:
        link: the hardware.
        protocol: what the users do.
        length_m: of the fibres together, in m.
    """
    return ChshPoint(length_m, expected(stretched(link, length_m), protocol).expected_chsh or 0.0)


Report = Callable[[int], bool]
"""Called with the number of finished points now and then; returns whether to go on."""


def simulate_rates(
    link: PulsedLink,
    protocol: PulsedDIQKD,
    lengths_m: Sequence[float],
    *,
    seed: int,
    heralds: int,
    report: Report,
) -> list[SimulatedRate]:
    """Returns simulated heralds a second; from a million simulated seconds at most.

    Args:
        link: the hardware, which heralds.
        protocol: what the users do.
        lengths_m: of the fibres together, in m.
        seed: of all random numbers.
        heralds: to wait for at each length.
        report: may end it early.
    """
    pulses = round(LONGEST_POINT_S * link.source.pulse_rate_hz)
    rates = []
    for length_m, result in _played(
        link, protocol, lengths_m, Plan("herald", pulses, heralds), seed, report
    ):
        wait = result.wait_s
        if wait is not None:
            rates.append(SimulatedRate(length_m, 1 / wait.value, wait.stderr / wait.value**2))
    return rates


def simulate_chsh(
    link: PulsedLink,
    protocol: PulsedDIQKD,
    lengths_m: Sequence[float],
    *,
    seed: int,
    plan: Plan,
    report: Report,
) -> list[ChshPoint]:
    """Returns simulated values of S.

    Args:
        link: the hardware, without heralds.
        protocol: what the users do.
        lengths_m: of the fibres together, in m.
        seed: of all random numbers.
        plan: what is played at each length.
        report: may end it early.
    """
    return [
        ChshPoint(length_m, result.chsh.value, result.chsh.stderr)
        for length_m, result in _played(link, protocol, lengths_m, plan, seed, report)
        if result.chsh is not None
    ]


def _played(
    link: PulsedLink,
    protocol: PulsedDIQKD,
    lengths_m: Sequence[float],
    plan: Plan,
    seed: int,
    report: Report,
) -> Iterator[tuple[float, PhotonicResult]]:
    """Yields what came at each length, until one is ended early."""
    seeds = point_seeds(seed, len(lengths_m))
    for done, (length_m, own_seed) in enumerate(zip(lengths_m, seeds, strict=True)):
        closed = expected(stretched(link, length_m), protocol)
        tally = play(closed.law, plan, Streams(own_seed), lambda *_, done=done: report(done))
        if not tally.complete:
            return
        yield length_m, replace(closed, counts=tally.counts, pulses=tally.pulses)
        if not report(done + 1):
            return


def draw_chsh(
    title: str,
    curve: Sequence[ChshPoint],
    simulated: Sequence[ChshPoint],
    here: tuple[float, float] | None,
) -> Figure:
    """Returns the picture of S of a link without heralds against its length.

    Args:
        title: of the picture.
        curve: closed form.
        simulated: simulated values.
        here: the link's own length in m and its published S, or ``None``.
    """
    figure, axes = new_figure()
    km = [point.length_m / 1000 for point in curve]
    axes.plot(km, [p.chsh_s for p in curve], color=CLOSED, lw=1.2, label="closed form")
    axes.axhline(_LOCAL, ls="--", color=LIMIT, lw=1.2, label="local bound: no key at 2 or below")
    draw_points(axes, simulated, here)
    axes.set(xscale="log", xlabel=LENGTH_LABEL, ylabel="CHSH value S, lost photons included")
    axes.set_title(title, fontsize="medium", loc="left")
    axes.legend(frameon=False, fontsize="small")
    tidy(axes)
    return figure
