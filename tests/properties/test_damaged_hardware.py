"""Damaged scenario files of every kind of link are refused with a clear message, or run."""

from __future__ import annotations

import io
import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from test_damaged_scenarios import check_refusal, damaged_tables, file, time_limit, to_file, tried

from qnetsim import InvalidInputError, Scenario, SimulationError
from qnetsim.scenario import load_scenario

__all__ = ["file"]  # a fixture

SCENARIOS = Path(__file__).parents[2] / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.toml") if path.stem != "munich_2022")
LONGEST_S = 0.2
TIME_LIMIT_S = 20.0


def play(path: Path) -> None:
    scenario = load_scenario(path)
    if isinstance(scenario, Scenario):
        duration_s = min(scenario.model.run.duration_s or LONGEST_S, LONGEST_S)
        result: Any = scenario.simulation(1).run(duration_s, lambda *_: False)
        with suppress(SimulationError):  # without a closed form
            json.dumps(scenario.budget().present._asdict(), allow_nan=False)
    else:
        result = scenario.run(1, report=lambda *_: False)
    json.dumps(result.summary(), allow_nan=False)
    Console(file=io.StringIO(), width=140).print(result)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(tried, max_examples=250)
@given(data=st.data())
def test_damaged_tables_are_refused_or_run(name: str, file: Path, data: st.DataObject) -> None:
    whole = tomllib.loads((SCENARIOS / f"{name}.toml").read_text(encoding="utf-8"))
    file.write_bytes(to_file(data.draw(damaged_tables(whole))))
    with time_limit(TIME_LIMIT_S):
        try:
            play(file)
        except InvalidInputError as error:
            check_refusal(error)
