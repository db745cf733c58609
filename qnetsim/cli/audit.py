"""``qnetsim audit``: what a run's trace says about the assumptions behind its key."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from qnetsim.cli.common import FAILED, print_tables


@click.command()
@click.argument("trace", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not tables.")
@click.option("--rounds", "each_round", is_flag=True, help="Show every round, too.")
def audit(trace: Path, as_json: bool, each_round: bool) -> None:
    """Audit a TRACE of `qnetsim run --trace`: do the assumptions behind its key hold?

    For each round: settings drawn after the herald; choice and outcome of the two sides space-like
    separated; shutter closed and trap emptied before the link reopened. For the run: what is
    deducted for leaks. Exits with 1 where one is violated, or cannot be told.
    """
    from qnetsim.audit.summary import audit_trace
    from qnetsim.display import rich_view

    found = audit_trace(trace, each_round=each_round)
    if as_json:
        click.echo(json.dumps(found.summary(), indent=2))
    else:
        title = f"{found.about.scenario or trace}, {found.rounds} rounds: {found.verdict}"
        print_tables(rich_view(title, found.sections()))
    if not found.verdict.passes:
        click.echo(f"qnetsim: {trace}: an assumption is {found.verdict}", err=True)
        sys.exit(FAILED)
