"""``qnetsim plot``: pictures of a scenario's link."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from qnetsim.cli.common import (
    INTERRUPTED,
    interruptible,
    load,
    load_any,
    scenario_options,
    seed_option,
)

if TYPE_CHECKING:
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.scenario import Scenario

_CURVE_POINTS = 80


@click.command()
@scenario_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The picture to write; its suffix (.png, .svg, .pdf) says in which format.",
)
@click.option(
    "--what",
    type=click.Choice(["rate", "budget", "timeline"]),
    default="rate",
    show_default=True,
    help="Rate against distance, the photon budget, or a few attempts in space and time.",
)
@seed_option
@click.option(
    "--points",
    type=click.IntRange(0, 1000),
    default=7,
    show_default=True,
    help="Simulated points of the rate.",
)
@click.option(
    "--heralds",
    type=click.IntRange(1, 10**7),
    default=400,
    show_default=True,
    help="Heralds to simulate at each point.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="Attempts in the timeline.",
)
def plot(
    scenario: Path,
    settings: tuple[str, ...],
    output: Path,
    what: Literal["rate", "budget", "timeline"],
    seed: int,
    **amounts: int,
) -> None:
    """Draw a SCENARIO's link."""
    from qnetsim.files import write_whole

    _check_format(output)
    complete = True
    if what == "budget":
        figure = _budget(load_any(scenario, settings, output, "--output"))
    else:
        loaded = load(scenario, settings, output, "--output")
        if what == "rate":
            figure, complete = _rate(loaded, seed, amounts["points"], amounts["heralds"])
        else:
            figure = _timeline(loaded, amounts["attempts"])
    picture = io.BytesIO()
    figure.savefig(picture, format=output.suffix[1:].lower(), dpi=130)
    write_whole(output, picture.getvalue())
    if not complete:
        sys.exit(INTERRUPTED)


def _check_format(output: Path) -> None:
    from qnetsim.errors import Fault, InvalidInputError

    if output.suffix.lower() not in (".png", ".svg", ".pdf"):
        bound = "must end in .png, .svg or .pdf"
        raise InvalidInputError([Fault("--output", str(output), bound)])


def _budget(loaded: Scenario | PhotonicScenario) -> Any:
    from qnetsim.report.budget import draw_budget

    return draw_budget(loaded.model.title, loaded.budget())


def _timeline(loaded: Scenario, attempts: int) -> Any:
    from qnetsim.report.timeline import draw_timeline

    link = loaded.model.protocol.link
    return draw_timeline(loaded.model.title, loaded.network(), link, attempts)


def _rate(loaded: Scenario, seed: int, points: int, heralds: int) -> tuple[Any, bool]:
    """Returns the picture, and whether all its points were simulated."""
    from qnetsim.report.rate import default_lengths_m, draw_rates, rate_at, simulate_rates

    network, protocol = loaded.network(), loaded.model.protocol
    link = protocol.link
    lengths = default_lengths_m(network, link, _CURVE_POINTS)
    curve = [rate_at(network, link, length, loaded.horizon_s) for length in lengths]
    wanted = default_lengths_m(network, link, points)
    with interruptible() as interrupted:
        simulated = simulate_rates(
            network, protocol, wanted, seed=seed, heralds=heralds,
            report=lambda done: _progress(done, points) and not interrupted,
        )  # fmt: skip
    published = loaded.published().get("herald_rate_hz")
    own = sum(arm.channel.length_m for arm in network.arms(link))
    here = (own, published.value) if published and own else None
    figure = draw_rates(loaded.model.title, curve, simulated, here)
    return figure, not interrupted


def _progress(done: int, points: int) -> bool:
    if sys.stderr.isatty():
        click.echo(f"\r{done} of {points} points", nl=False, err=True)
    return True
