"""A few attempts of a link in space and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qnetsim.network import Network
from qnetsim.protocols.session import Timing
from qnetsim.report.style import CLOSED, PUBLISHED, SIMULATED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PS_PER_US = 1e6
_NEAREST = 0.25


def draw_timeline(title: str, network: Network, link: str, attempts: int) -> Figure:
    """Returns the space-time diagram of a link's attempts, of which the last one heralds.

    Args:
        title: of the picture.
        network: the hardware.
        link: the link's name.
        attempts: how many to draw.
    """
    arms, station = network.arms(link), network.station_of(link)
    timing = Timing.of(arms, station)
    figure, axes = new_figure(9.0, 3.2)
    lengths = [arm.channel.length_m for arm in arms]
    unit = max(max(lengths), 1e-9)
    # A link end that lies in the station's own laboratory still gets a line of its own.
    places = [-max(lengths[0] / unit, _NEAREST), 0.0, max(lengths[1] / unit, _NEAREST)]
    delays = tuple(arm.channel.delay_ps for arm in arms)
    for attempt in range(attempts):
        last, start = attempt == attempts - 1, attempt * timing.period
        if station.source is None:
            _draw_attempt(axes, timing, start, places, last)
        else:
            _draw_absorption(axes, timing, start, (places[0], places[2]), delays, last)
    end = attempts * timing.period / _PS_PER_US
    for place in places:
        axes.plot([0, end], [place] * 2, color=CLOSED, lw=0.8, zorder=1)
    names = [f"{arm.name}\n{length:g} m" for arm, length in zip(arms, lengths, strict=True)]
    axes.set_yticks(places, [names[0], "station", names[1]])
    axes.set(xlabel="time (us)", xlim=(0, end * 1.005), ylim=(places[0] - 0.2, places[2] + 0.2))
    axes.invert_yaxis()
    axes.set_title(title, fontsize="medium", loc="left")
    _legend(axes)
    tidy(axes)
    return figure


def _draw_attempt(
    axes: Any, timing: Timing, start: int, places: list[float], heralds: bool
) -> None:
    opening, decision = ((start + t) / _PS_PER_US for t in (timing.opening, timing.decision))
    axes.plot([opening, decision], [0, 0], color=CLOSED, lw=6, solid_capstyle="butt", zorder=2)
    for arm, place in ((0, places[0]), (1, places[2])):
        pulse = start + timing.emissions[arm]
        lands = (pulse + timing.flights[arm]) / _PS_PER_US
        heard = (start + timing.herald_arrival(arm)) / _PS_PER_US
        pulse_us, start_us = pulse / _PS_PER_US, start / _PS_PER_US
        axes.plot([start_us, pulse_us], [place] * 2, color="#c9d6df", lw=6,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
        axes.plot([pulse_us, lands], [place, 0], color=SIMULATED, lw=1.2 if heralds else 0.7,
                  ls="-" if heralds else "--", zorder=3)  # fmt: skip
        if heralds:
            axes.plot([decision, heard], [0, place], color=PUBLISHED, lw=1.2, zorder=3)
            axes.plot(heard, place, "o", color=PUBLISHED, ms=4, zorder=4)


def _draw_absorption(
    axes: Any,
    timing: Timing,
    start: int,
    places: tuple[float, float],
    delays: tuple[int, ...],
    heralds: bool,
) -> None:
    """Draws a pair from the middle, its absorption at the nodes, and their reports."""
    decision = (start + timing.decision) / _PS_PER_US
    for arm, place in enumerate(places):
        absorbed = start + timing.emissions[arm]
        sent_us, absorbed_us = (t / _PS_PER_US for t in (absorbed - delays[arm], absorbed))
        reports_us = decision - timing.latencies[arm] / _PS_PER_US
        axes.plot([start / _PS_PER_US, sent_us], [0, 0], color="#c9d6df", lw=6,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
        axes.plot([sent_us, absorbed_us], [0, place], color=SIMULATED, lw=1.2 if heralds else 0.7,
                  ls="-" if heralds else "--", zorder=3)  # fmt: skip
        axes.plot([absorbed_us, reports_us], [place] * 2, color=CLOSED, lw=6,
                  solid_capstyle="butt", zorder=2)  # fmt: skip
        if heralds:
            heard = (start + timing.herald_arrival(arm)) / _PS_PER_US
            axes.plot([reports_us, decision, heard], [place, 0, place], color=PUBLISHED, lw=1.2,
                      zorder=3)  # fmt: skip
            axes.plot(heard, place, "o", color=PUBLISHED, ms=4, zorder=4)


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    axes.legend(
        handles=[
            Line2D([], [], color="#c9d6df", lw=6, label="preparation, waiting for the pulse"),
            Line2D([], [], color=SIMULATED, ls="--", lw=0.8, label="photon"),
            Line2D([], [], color=SIMULATED, lw=1.2, label="photon of the herald"),
            Line2D([], [], color=CLOSED, lw=6, label="window and decision"),
            Line2D([], [], color=PUBLISHED, label="herald"),
        ],
        frameon=False, fontsize="small", ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.2),
    )  # fmt: skip
