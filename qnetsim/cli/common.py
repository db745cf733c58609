"""What the commands share: options, exit codes, output, interruption."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

import qnetsim

if TYPE_CHECKING:
    from qnetsim.errors import Fault
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.scenario import Scenario

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130

Command = TypeVar("Command", bound=Callable[..., Any])


def scenario_options(command: Command, required: bool = True) -> Command:
    """Adds the argument and the options that say which scenario a command is about."""
    settings = click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="PATH=VALUE",
        help="Change a parameter, e.g. nodes.alice.t2_s=1e-3. Can be given many times.",
    )
    scenario = click.argument("scenario", type=click.Path(path_type=Path), required=required)
    return scenario(settings(command))


def seed_option(command: Command) -> Command:
    """Adds the option that seeds the random numbers."""
    return click.option(
        "--seed",
        type=click.IntRange(min=0),
        default=1,
        show_default=True,
        help="Seed of all random numbers; the same one gives the same results.",
    )(command)


def load(
    scenario: Path, settings: tuple[str, ...], output: Path | None, option: str
) -> Scenario | PhotonicScenario:
    """Returns a scenario, or raises every fault in it and in where the output goes.

    Args:
        scenario: the file.
        settings: changes to it.
        output: a file to be written later, or ``None``.
        option: what messages call it.
    """
    from qnetsim.scenario import load_scenario

    faults = [] if output is None else output_faults(output, option)
    try:
        loaded = load_scenario(scenario, settings)
    except qnetsim.InvalidInputError as error:
        raise qnetsim.InvalidInputError([*error.faults, *faults], error.source) from None
    if faults:
        raise qnetsim.InvalidInputError(faults)
    return loaded


def output_faults(path: Path, option: str) -> list[Fault]:
    """Returns why a file could not be written, before any work is done."""
    from qnetsim.errors import Fault
    from qnetsim.files import check_writable

    try:
        check_writable(path)
    except OSError as error:
        return [Fault(option, str(path), f"cannot be written: {error.strerror}")]
    return []


def number_or_best(
    _: click.Context, __: click.Parameter, text: str | None
) -> float | Literal["best"] | None:
    """Reads an option that is a number or the word ``best``."""
    if text is None or text == "best":
        return None if text is None else "best"
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a number nor 'best'.") from None


def print_tables(tables: Any) -> None:
    """Prints what rich can show: as wide as the terminal, or 140 columns off one."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    least = Measurement.get(console, console.options.update(width=1000), tables).minimum
    console.width = max(console.width, least)
    console.print(tables)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Yields a list that the first Ctrl-C adds to; the second one interrupts at once."""
    caught: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield caught
    finally:
        signal.signal(signal.SIGINT, before)
