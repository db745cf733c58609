"""The ``qnetsim`` command: results to standard output, progress to standard error.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong, 130 interrupted.
"""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

import qnetsim

if TYPE_CHECKING:
    from qnetsim.errors import Fault
    from qnetsim.scenario import Scenario

FAILED, WRONG_INPUT, INTERRUPTED = 1, 2, 130
_PLAIN_PROGRESS_EVERY_S = 30.0
_LIVE_PROGRESS_EVERY_S = 0.1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(qnetsim.__version__, prog_name="qnetsim")
def cli() -> None:
    """Simulate event-ready quantum links, from the laser pulse to secret bits."""


@cli.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="Seed of all random numbers; the same one gives the same results.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a parameter, e.g. nodes.alice.t2_s=1e-3. Can be given many times.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not a table.")
@click.option(
    "--trace",
    "trace_path",
    type=click.Path(path_type=Path),
    help="Write what happened when to this file (.json or .json.gz), for Perfetto.",
)
def run(
    scenario: Path, seed: int, settings: tuple[str, ...], as_json: bool, trace_path: Path | None
) -> None:
    """Simulate a SCENARIO file and print what came of it.

    Ctrl-C ends the run early and prints what was simulated so far, marked as partial.
    """
    from qnetsim.scenario import Scenario
    from qnetsim.trace import Trace

    faults = [] if trace_path is None else _trace_faults(trace_path)
    try:
        loaded = Scenario.load(scenario, settings)
    except qnetsim.InvalidInputError as error:
        raise qnetsim.InvalidInputError([*error.faults, *faults], error.source) from None
    if faults:
        raise qnetsim.InvalidInputError(faults)
    trace = Trace() if trace_path is not None else None
    with _interruptible() as interrupted, _Progress(loaded, interrupted) as progress:
        result = loaded.run(seed, trace, progress)
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    else:
        _print_table(result)
    if trace is not None and trace_path is not None:
        trace.write(trace_path)
    if result.partial:
        sys.exit(INTERRUPTED)


def main() -> None:
    """Runs the command; every failure has its exit code and one message."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where the terminal is not UTF-8
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILED)
    except (qnetsim.QnetsimError, OSError) as error:
        click.echo(f"qnetsim: {error}", err=True)
        wrong = isinstance(error, qnetsim.InvalidInputError)
        sys.exit(WRONG_INPUT if wrong else FAILED)


def _trace_faults(path: Path) -> list[Fault]:
    """Returns why a trace could not be written, before any work is done."""
    from qnetsim.errors import Fault
    from qnetsim.trace import check_writable

    try:
        check_writable(path)
    except OSError as error:
        return [Fault("--trace", str(path), f"cannot be written: {error.strerror}")]
    return []


def _print_table(result: Any) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(result)


@contextmanager
def _interruptible() -> Iterator[list[int]]:
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


class _Progress:
    """Shows how far a run is: a live line on a terminal, else a plain line every 30 s.

    It is called with the simulated time in s and the heralds, and says whether to go on.
    """

    def __init__(self, scenario: Scenario, interrupted: list[int]) -> None:
        run = scenario.model.run
        self._duration_s = run.duration_s
        self._rounds = run.max_rounds
        self._interrupted = interrupted
        self._live = sys.stderr.isatty()
        self._every_s = _LIVE_PROGRESS_EVERY_S if self._live else _PLAIN_PROGRESS_EVERY_S
        self._begin = self._shown = time.monotonic()

    def __enter__(self) -> _Progress:
        return self

    def __call__(self, sim_time_s: float, heralds: int) -> bool:
        now = time.monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            text = self._text(sim_time_s, heralds, now - self._begin)
            if self._live:
                click.echo(f"\r\x1b[K{text}", nl=False, err=True)
            else:
                click.echo(text, err=True)
        return not self._interrupted

    def __exit__(self, *_: object) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)

    def _text(self, sim_time_s: float, heralds: int, wall_s: float) -> str:
        shares = []
        if self._duration_s:
            shares.append(sim_time_s / self._duration_s)
        if self._rounds:
            shares.append(heralds / self._rounds)
        share = max(shares)
        left = f", {wall_s / share - wall_s:.0f} s left" if share > 0 else ""
        return f"{share:6.1%}  {sim_time_s:.6g} s simulated, {heralds} heralds{left}"


if __name__ == "__main__":
    main()
