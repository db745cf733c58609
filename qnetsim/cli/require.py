"""``qnetsim require``: the least demanding hardware that reaches a target."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qnetsim.cli.common import (
    FAILED,
    INTERRUPTED,
    interruptible,
    output_faults,
    print_tables,
    seed_option,
)

if TYPE_CHECKING:
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.scenario import Scenario
    from qnetsim.study.confirm import Confirmation
    from qnetsim.study.knob import Knob
    from qnetsim.study.require import Requirement
    from qnetsim.study.sensitivity import Sensitivity
    from qnetsim.study.target import Target

_SUFFIXES = (".png", ".svg", ".pdf")
_EVERY_S = 30.0
_LIVE_EVERY_S = 0.1


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="'FIGURE >= NUMBER'",
    help="What is wanted (or <=), e.g. 'key_rate_bits_per_s >= 1000'. All that are given must "
    "hold. Figures: herald_rate_hz, fidelity, chsh_s, qber, key_rate_bits_per_round, "
    "key_rate_bits_per_s.",
)
@click.option(
    "--vary",
    multiple=True,
    metavar="PATH[=FROM:TO],...",
    help="What may change and, if not by a factor of 1e6, how far. Without it: which parameters "
    "matter.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change today's hardware first (of a study: set.PATH=VALUE). Can be given many times.",
)
@click.option("--scenario", metavar="NAME", help="Which scenario of a study with several.")
@click.option(
    "--confirm-heralds",
    type=click.IntRange(0, 10**8),
    default=50_000,
    show_default=True,
    help="Heralds to confirm the answer with; 0 for no simulation.",
)
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not tables.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Draw which parameter does most (.png, .svg, .pdf).",
)
def require(
    study: Path,
    targets: tuple[str, ...],
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    scenario: str | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Find the least demanding hardware with which a STUDY or scenario reaches a target.

    The closed forms are searched; a simulation confirms the answer. Exit code 1: no setting in the
    ranges reaches the target, or the simulation contradicts the closed forms.
    """
    from qnetsim.study.require import require as search

    base, wanted, knobs = _input(study, targets, vary, settings, scenario, output)
    confirmed: Confirmation | None = None
    with interruptible() as interrupted, _Progress(interrupted) as progress:
        if not vary:
            complete = _matters(base, wanted, knobs, progress, output, options["as_json"])
            sys.exit(0 if complete else INTERRUPTED)
        found = search(base, wanted, knobs, progress.searching)
        around = list(_sensitivities(base, found, progress))
        if found.reached is not None and not found.partial and options["confirm_heralds"]:
            confirmed = _confirm(base, found, options, progress)
    _show(found, around, confirmed, options["as_json"])
    if output is not None and around:
        _draw(output, base.model.title, around)
    if interrupted:
        sys.exit(INTERRUPTED)
    if found.reached is None or (confirmed is not None and confirmed.consistent is False):
        sys.exit(FAILED)


def _input(
    study: Path,
    targets: tuple[str, ...],
    vary: tuple[str, ...],
    settings: tuple[str, ...],
    scenario: str | None,
    output: Path | None,
) -> tuple[Scenario | PhotonicScenario, list[Target], list[Knob]]:
    """Returns what is asked; raises every fault in it before any work is done."""
    from qnetsim.errors import Fault, InvalidInputError
    from qnetsim.study.base import load_base
    from qnetsim.study.knob import all_knobs, knobs_of
    from qnetsim.study.target import parse_targets

    faults: list[Fault] = []
    if output is not None and output.suffix.lower() not in _SUFFIXES:
        faults.append(Fault("--output", str(output), "must end in .png, .svg or .pdf"))
    elif output is not None:
        faults += output_faults(output, "--output")
    wanted: list[Target] = []
    knobs: list[Knob] = []
    try:
        wanted = parse_targets(targets)
    except InvalidInputError as error:
        faults += error.faults
    try:
        base, spans = load_base(study, settings, scenario)
    except InvalidInputError as error:
        raise InvalidInputError([*error.faults, *faults], error.source) from None
    data, model = base.model.model_dump(), type(base).describes
    try:
        knobs = knobs_of(data, model, vary, spans) if vary else all_knobs(data, model)
    except InvalidInputError as error:
        faults += error.faults
    if faults:
        raise InvalidInputError(faults)
    return base, wanted, knobs


def _sensitivities(
    base: Scenario | PhotonicScenario, found: Requirement, progress: _Progress
) -> list[Sensitivity]:
    """Returns what each parameter does, today and at the answer; what an interruption leaves."""
    from qnetsim.study.require import ClosedForms, Interrupted
    from qnetsim.study.sensitivity import sensitivity

    forms = ClosedForms(base, found.knobs, progress.searching)
    points = [found.today]
    if found.reached is not None and not found.met_today:
        points.append(found.reached)
    around: list[Sensitivity] = []
    with suppress(Interrupted):
        for target in found.targets:
            for point in points:
                around.append(sensitivity(forms, target, point))
    return around


def _matters(
    base: Scenario | PhotonicScenario,
    wanted: Sequence[Target],
    knobs: Sequence[Knob],
    progress: _Progress,
    output: Path | None,
    as_json: bool,
) -> bool:
    """Prints which of all parameters matter to the targets' figures; returns whether all did."""
    from qnetsim.display import rich_view
    from qnetsim.report.study.requirement import sensitivity_json, sensitivity_sections
    from qnetsim.study.require import ClosedForms, Interrupted, check_figures
    from qnetsim.study.sensitivity import moving, sensitivity

    forms = ClosedForms(base, knobs, progress.searching)
    around: list[Sensitivity] = []
    check_figures(base, wanted, base.expected())
    with suppress(Interrupted):
        today = forms.point([0.0] * len(knobs))
        for target in wanted:
            around.append(moving(sensitivity(forms, target, today)))
    progress.clear()
    if as_json:
        figures = [sensitivity_json(each) for each in around]
        click.echo(json.dumps({"scenario": base.model.name, "sensitivities": figures}, indent=2))
    else:
        title = f"{base.model.name}: what matters; --vary says what may change"
        print_tables(rich_view(title, list(sensitivity_sections(around))))
        for found in around:
            if not found.bars:
                told = "none" if found.base is None else f"{found.base:g}"
                bound = "halved or doubled alone, no parameter changes it"
                click.echo(f"{found.figure} = {told} today; {bound}")
    if output is not None and around:
        _draw(output, base.model.title, around)
    return len(around) == len(wanted)


def _confirm(
    base: Scenario | PhotonicScenario,
    found: Requirement,
    options: dict[str, Any],
    progress: _Progress,
) -> Confirmation:
    from qnetsim.study.confirm import confirm
    from qnetsim.study.require import ClosedForms

    assert found.reached is not None
    figures = dict.fromkeys([*(target.figure for target in found.targets), *_FIGURES])
    yields = found.reached.found._asdict() if found.reached.found else {}
    return confirm(
        type(base), ClosedForms(base, found.knobs).data(found.reached.at),
        [figure for figure in figures if yields.get(figure) is not None],
        seed=options["seed"], heralds=options["confirm_heralds"], report=progress.simulating,
    )  # fmt: skip


_FIGURES = ("herald_rate_hz", "fidelity", "chsh_s", "qber")


def _show(
    found: Requirement,
    around: Sequence[Sensitivity],
    confirmed: Confirmation | None,
    as_json: bool,
) -> None:
    from qnetsim.display import rich_view
    from qnetsim.report.study import requirement

    if as_json:
        click.echo(json.dumps(requirement.as_json(found, around, confirmed), indent=2))
    else:
        title = f"{found.scenario}: {requirement.verdict(found)}"
        sections = requirement.requirement_sections(found, around, confirmed)
        print_tables(rich_view(title, sections))


def _draw(output: Path, title: str, around: Sequence[Sensitivity]) -> None:
    """Draws the first figure around today's hardware, or around the answer where it is 0 today."""
    from qnetsim.files import write_whole
    from qnetsim.report.study.tornado import draw_tornado

    first = [found for found in around if found.figure == around[0].figure]
    chosen = next((found for found in first if found.base), first[0])
    picture = io.BytesIO()
    draw_tornado(title, chosen).savefig(picture, format=output.suffix[1:].lower(), dpi=130)
    write_whole(output, picture.getvalue())


class _Progress:
    """Says on standard error how far the work is; ends it at the first Ctrl-C."""

    def __init__(self, interrupted: list[int]) -> None:
        self._interrupted = interrupted
        self._live = sys.stderr.isatty()
        self._every_s = _LIVE_EVERY_S if self._live else _EVERY_S
        self._shown = time.monotonic()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def searching(self, asked: int) -> bool:
        """Says how many closed forms were asked for; returns whether to go on."""
        return self._say(f"searching: {asked} closed forms")

    def simulating(self, sim_time_s: float, heralds: int) -> bool:
        """Says how much is simulated; returns whether to go on."""
        return self._say(f"confirming: {sim_time_s:.6g} s simulated, {heralds} heralds")

    def clear(self) -> None:
        """Ends the live line."""
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _say(self, text: str) -> bool:
        now = time.monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            click.echo(f"\r\x1b[K{text}" if self._live else text, nl=not self._live, err=True)
        return not self._interrupted
