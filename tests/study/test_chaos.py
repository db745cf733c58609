"""Studies whose collection is killed at random and gone on with, and one on a Dask cluster.

At full size by hand: ``python tests/study/chaos.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import chaos
import pytest

SEED = 3


@pytest.mark.slow
def test_a_collection_killed_at_random_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    given = argparse.Namespace(executor="processes", longest_s=1.5, seed=SEED)
    said = chaos.disturb(tmp_path, 60, 4, given)
    assert "byte-identical" in said


@pytest.mark.slow
def test_the_same_holds_on_a_cluster(tmp_path: Path) -> None:
    given = argparse.Namespace(executor="dask", longest_s=4.0, seed=SEED)
    said = chaos.disturb(tmp_path, 60, 3, given)
    assert "byte-identical" in said
