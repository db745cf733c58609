"""Each link is played once, whatever number of tests look at its runs."""

from __future__ import annotations

from concurrent.futures import Executor

import pytest
from links import Played, params, play_both
from variants import VARIANTS


@pytest.fixture(scope="session")
def plays() -> dict[str, Played]:
    return {}


@pytest.fixture(params=params(*VARIANTS))
def played(request: pytest.FixtureRequest, pool: Executor, plays: dict[str, Played]) -> Played:
    """A link and its runs, played when first asked for."""
    name = request.param
    if name not in plays:
        plays[name] = play_both(name, pool)
    return plays[name]
