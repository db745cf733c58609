"""Scenarios of published links: their closed forms, and runs of them to compare those with."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from qnetsim import Network, Result, Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"

HERALDS = 100_000


def network(name: str) -> Network:
    """Returns a scenario's network."""
    return Scenario.load(SCENARIOS / f"{name}.toml").network()


def closed_forms(name: str, *settings: str) -> Result:
    """Returns a moment of a scenario, for its closed forms."""
    return Scenario.load(SCENARIOS / f"{name}.toml", ("run.duration_s=1e-6", *settings)).run(0)


def play(name: str, *settings: str, seed: int = 1) -> Result:
    """Plays a scenario at herald resolution for 100 000 rounds, whatever time they take."""
    limits = "run.duration_s=9e6", f"run.max_rounds={HERALDS}"
    return Scenario.load(SCENARIOS / f"{name}.toml", (*limits, *settings)).run(seed)


def scores(result: Result) -> dict[str, float]:
    """Returns how many standard errors a run's figures lie from their closed forms."""
    assert len(result.rounds.x) == HERALDS
    figures = result.summary()
    gaps_s = np.diff(result.heralds.time_s)
    error_s = gaps_s.std(ddof=1) / math.sqrt(len(gaps_s))
    off = {"rate": (gaps_s.mean() - 1 / figures["expected_herald_rate_hz"]) / error_s}
    for key in ("heralded_fidelity", "chsh_s", "qber"):
        off[key] = (figures[key] - figures[f"expected_{key}"]) / figures[f"{key}_stderr"]
    return off


def agree(result: Result) -> bool:
    """Returns whether each is within five, which chance exceeds with probability 5.7e-7."""
    return max(map(abs, scores(result).values())) < 5
