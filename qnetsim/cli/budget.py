"""``qnetsim budget``: where a link's photons and its coherence go."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from qnetsim.cli.common import load, print_tables, scenario_options


@click.command()
@scenario_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not a table.")
def budget(scenario: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """List every loss and noise of a SCENARIO's link, and what each costs.

    Costs are found from the closed forms by making one part perfect at a time.
    """
    from qnetsim.display import rich_view
    from qnetsim.report.budget import budget_sections

    loaded = load(scenario, settings, None, "")
    found = loaded.budget()
    if as_json:
        items = [item._asdict() | {"without": item.without._asdict()} for item in found.items]
        figures = asdict(found) | {
            "attempts": found.attempts._asdict(),
            "present": found.present._asdict(),
            "items": items,
        }
        click.echo(json.dumps(figures, indent=2))
    else:
        print_tables(rich_view(f"{loaded.model.name}, photon budget", budget_sections(found)))
