"""``qnetsim plot``: pictures of a scenario's link, and of what keys are worth."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnetsim.cli.common import (
    INTERRUPTED,
    interruptible,
    load,
    output_faults,
    scenario_options,
    seed_option,
)

if TYPE_CHECKING:
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.scenario import Scenario

_STORE = b'{"qnetsim_store"'
_FORMATS = (".png", ".svg", ".pdf")
_CURVE_POINTS = 80
_SLOW_CURVE_POINTS = 40

_OF_LINKS = {
    "rate": "rate against distance, S where nothing heralds",
    "budget": "where photons and quality go",
    "timeline": "a few attempts in space and time",
    "correlations": "correlators, S and error rates: closed form, simulated, published",
    "ustc-table": "USTC's table III beside ours (scenarios/ustc_2022.toml)",
    "review-3c": "key rate against efficiency, random post-selection (the same scenario)",
}
_OF_BOUNDS = {
    "munich-key": "Munich's key from a finite block, against its rounds",
    "review-3a": "key rate against errors and efficiency, noisy preprocessing",
    "review-3b": "the same, one key basis or two",
    "rate-map": "key rate against S and Q, where it ends, the experiments",
    "thresholds": "the most noise and loss that leave a key, as a table",
}


def _listed(title: str, pictures: Mapping[str, str]) -> str:
    return "\n".join(["\b", title, *(f"  {name:13} {line}" for name, line in pictures.items())])


_OF_STORES = {"rate": "the rate against every numeric axis, with intervals"}
_NAMES = "\n\n".join(
    _listed(title, pictures)
    for title, pictures in (
        ("Of a scenario:", _OF_LINKS),
        ("Of bounds:", _OF_BOUNDS),
        ("Of a study's store (.jsonl) in the scenario's place:", _OF_STORES),
    )
)


@click.command(epilog=_NAMES)
@partial(scenario_options, required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The picture to write; its suffix (.png, .svg, .pdf) says in which format.",
)
@click.option(
    "--what",
    type=click.Choice([*_OF_LINKS, *_OF_BOUNDS]),
    metavar="NAME",
    default="rate",
    show_default=True,
    help="The picture, by a name from the list below.",
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
    help="Heralds to simulate at each point; where nothing heralds, each is a whole run.",
)
@click.option(
    "--attempts",
    type=click.IntRange(1, 50),
    default=3,
    show_default=True,
    help="Attempts in the timeline.",
)
def plot(
    scenario: Path | None,
    settings: tuple[str, ...],
    output: Path,
    what: str,
    seed: int,
    **amounts: int,
) -> None:
    """Draw a SCENARIO's link, what a study's store holds, or what keys are worth."""
    from qnetsim.files import write_whole

    _check_format(output)
    complete = True
    if scenario is not None and _is_store(scenario):
        figure = _of_store(what, scenario, settings, output)
    elif scenario is None or what in _OF_BOUNDS:
        figure = _of_bounds(what, scenario, settings, output)
    else:
        loaded = load(scenario, settings, output, "--output")
        if what == "budget":
            figure = _budget(loaded)
        elif what == "timeline":
            figure = _timeline(loaded, amounts["attempts"])
        elif what == "rate":
            figure, complete = _rate(loaded, seed, amounts["points"], amounts["heralds"])
        else:
            figure = _of_key(what, scenario, settings, seed)
    picture = io.BytesIO()
    figure.savefig(picture, format=output.suffix[1:].lower(), dpi=130)
    write_whole(output, picture.getvalue())
    if not complete:
        sys.exit(INTERRUPTED)


def _check_format(output: Path) -> None:
    from qnetsim.errors import Fault, InvalidInputError

    if output.suffix.lower() not in _FORMATS:
        bound = "must end in .png, .svg or .pdf"
        raise InvalidInputError([Fault("--output", str(output), bound)])


def _is_store(path: Path) -> bool:
    if path.suffix == ".jsonl":
        return True
    try:
        with path.open("rb") as file:
            return file.read(len(_STORE)) == _STORE
    except OSError:
        return False  # reading it as a scenario says why


def _of_store(what: str, store: Path, settings: tuple[str, ...], output: Path) -> Any:
    from qnetsim.cli.report import counter, read_rows
    from qnetsim.errors import Fault, InvalidInputError
    from qnetsim.report.study.charts import draw_charts
    from qnetsim.report.study.shown import charts_of_study, shown_of

    if what not in _OF_STORES:
        raise InvalidInputError([Fault("--what", what, f"{store} is a store, not a scenario")])
    if settings:
        raise InvalidInputError([Fault("--set", settings[0], "a store's rows are as they are")])
    contents = read_rows(store, output, _FORMATS)
    with counter() as count:
        shown = shown_of(contents, count)
        charts = [chart for it in shown for chart in charts_of_study(it, ["herald_rate_hz"])]
    if not charts:
        bound = "nothing to draw: no numeric axis, or no point whose rate is known"
        raise InvalidInputError([Fault(str(store), "", bound)])
    return draw_charts("; ".join(dict.fromkeys(it.study.title for it in shown)), charts)


def _of_bounds(what: str, scenario: Path | None, settings: tuple[str, ...], output: Path) -> Any:
    from qnetsim.errors import Fault, InvalidInputError

    faults = output_faults(output, "--output")
    if what in _OF_LINKS:
        faults.append(Fault("SCENARIO", "", f"is missing: --what {what} needs it"))
    elif scenario is not None:
        faults.append(Fault("SCENARIO", str(scenario), f"--what {what} takes none"))
    elif settings:
        faults.append(Fault("--set", settings[0], f"--what {what} takes no scenario to change"))
    if faults:
        raise InvalidInputError(faults)
    from qnetsim.report.security import gallery

    return gallery.OF_BOUNDS[what]()


def _of_key(what: Any, scenario: Path, settings: tuple[str, ...], seed: int) -> Any:
    from qnetsim.report.security import gallery
    from qnetsim.scenario import load_scenario

    def changed(changes: Sequence[str]) -> Scenario | PhotonicScenario:
        return load_scenario(scenario, (*settings, *changes))

    if what == "correlations":
        return gallery.draw_correlations(changed(()), seed)
    return gallery.draw_ustc(what, changed)


def _budget(loaded: Scenario | PhotonicScenario) -> Any:
    from qnetsim.report.budget import draw_budget

    return draw_budget(loaded.model.title, loaded.budget())


def _timeline(loaded: Scenario | PhotonicScenario, attempts: int) -> Any:
    from qnetsim.errors import Fault, InvalidInputError
    from qnetsim.report.timeline import draw_timeline
    from qnetsim.scenario import Scenario

    if not isinstance(loaded, Scenario):
        bound = "is for links of memories only: nothing in a photonic link waits for a message"
        raise InvalidInputError([Fault("--what", "timeline", bound)])
    link = loaded.model.protocol.link
    return draw_timeline(loaded.model.title, loaded.network(), link, attempts)


def _rate(
    loaded: Scenario | PhotonicScenario, seed: int, points: int, heralds: int
) -> tuple[Any, bool]:
    """Returns the picture, and whether all its points were simulated."""
    from qnetsim.scenario import Scenario

    with interruptible() as interrupted:
        progress = _Progress(points, interrupted)
        if isinstance(loaded, Scenario):
            figure = _memory_rate(loaded, seed, points, heralds, progress)
        elif loaded.link().heralded:
            figure = _pulsed_rate(loaded, seed, points, heralds, progress)
        else:
            figure = _pulsed_chsh(loaded, seed, points, progress)
    progress.tell_if_partial()
    return figure, not progress.partial


def _memory_rate(
    loaded: Scenario, seed: int, points: int, heralds: int, progress: _Progress
) -> Any:
    from qnetsim.report.rate import default_lengths_m, draw_rates, rate_at, simulate_rates

    network, protocol = loaded.network(), loaded.model.protocol
    own = sum(arm.channel.length_m for arm in network.arms(protocol.link))
    lengths = default_lengths_m(own, _CURVE_POINTS)
    curve = [rate_at(network, protocol.link, length, loaded.horizon_s) for length in lengths]
    few = default_lengths_m(own, points)
    simulated = simulate_rates(network, protocol, few, seed=seed, heralds=heralds, report=progress)
    title = progress.title(loaded.model.title)
    return draw_rates(title, curve, simulated, _published(loaded, "herald_rate_hz", own))


def _pulsed_rate(
    loaded: PhotonicScenario, seed: int, points: int, heralds: int, progress: _Progress
) -> Any:
    from qnetsim.report import photonic_rate
    from qnetsim.report.rate import default_lengths_m, draw_rates

    link, protocol = loaded.link(), loaded.model.protocol
    own = photonic_rate.length_of(link)
    lengths = default_lengths_m(own, _SLOW_CURVE_POINTS)
    curve = [photonic_rate.rate_at(link, protocol, length) for length in lengths]
    simulated = photonic_rate.simulate_rates(
        link, protocol, default_lengths_m(own, points), seed=seed, heralds=heralds, report=progress
    )
    title, here = progress.title(loaded.model.title), _published(loaded, "herald_rate_hz", own)
    return draw_rates(title, curve, simulated, here, photonic_rate.labels_of(link))


def _pulsed_chsh(loaded: PhotonicScenario, seed: int, points: int, progress: _Progress) -> Any:
    from qnetsim.report import photonic_rate
    from qnetsim.report.rate import default_lengths_m

    link, protocol = loaded.link(), loaded.model.protocol
    own = photonic_rate.length_of(link)
    lengths = default_lengths_m(own, _CURVE_POINTS)
    curve = [photonic_rate.chsh_at(link, protocol, length) for length in lengths]
    simulated = photonic_rate.simulate_chsh(
        link, protocol, default_lengths_m(own, points), seed=seed, plan=loaded.plan, report=progress
    )
    here = _published(loaded, "chsh_s", own)
    return photonic_rate.draw_chsh(progress.title(loaded.model.title), curve, simulated, here)


def _published(
    loaded: Scenario | PhotonicScenario, key: str, length_m: float
) -> tuple[float, float] | None:
    """Returns a link's length in m and what is published for it, or ``None``."""
    published = loaded.published().get(key)
    return (length_m, published.value) if published and length_m else None


class _Progress:
    """Tells how many points are simulated, and ends the simulation at the first Ctrl-C.

    It is called with the number of finished points, and says whether to go on.
    """

    def __init__(self, points: int, interrupted: list[int]) -> None:
        self._points = points
        self._interrupted = interrupted
        self._done = 0
        self._live = sys.stderr.isatty()
        self.partial = False

    def __call__(self, done: int) -> bool:
        self._done = done
        if self._live:
            click.echo(f"\r{self._text}", nl=False, err=True)
        self.partial = bool(self._interrupted) and done < self._points
        return not self.partial

    @property
    def _text(self) -> str:
        return f"{self._done} of {self._points} points"

    def title(self, title: str) -> str:
        """Returns a picture's title, marked where points are missing."""
        return f"{title}\nPARTIAL: {self._text}" if self.partial else title

    def tell_if_partial(self) -> None:
        """Says on standard error that points are missing, and ends the live line."""
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)
        if self.partial:
            click.echo(f"interrupted: {self._text} simulated", err=True)
