"""``qnetsim run``: simulate a scenario and print what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnetsim.cli.common import (
    INTERRUPTED,
    interruptible,
    load,
    print_tables,
    scenario_options,
    seed_option,
)

if TYPE_CHECKING:
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.scenario import Scenario

_PLAIN_PROGRESS_EVERY_S = 30.0
_LIVE_PROGRESS_EVERY_S = 0.1


@click.command()
@scenario_options
@seed_option
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
    from qnetsim.trace import Trace

    loaded = load(scenario, settings, trace_path, "--trace")
    trace = Trace() if trace_path is not None else None
    with interruptible() as interrupted, _Progress(loaded, interrupted) as progress:
        result = loaded.run(seed, trace, progress)
    if as_json:
        click.echo(json.dumps(result.summary(), indent=2))
    else:
        print_tables(result)
    if trace is not None and trace_path is not None:
        trace.write(trace_path)
    if result.partial:
        sys.exit(INTERRUPTED)


class _Progress:
    """Shows how far a run is: a live line on a terminal, else a plain line every 30 s.

    It is called with the simulated time in s and the heralds (or rounds), and says whether to go
    on.
    """

    def __init__(self, scenario: Scenario | PhotonicScenario, interrupted: list[int]) -> None:
        self._duration_s, self._rounds = scenario.ends
        self._counted = scenario.counted
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
        return f"{share:6.1%}  {sim_time_s:.6g} s simulated, {heralds} {self._counted}{left}"
