"""A store of a small study, made without a collector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qnetsim.scenario import load_scenario
from qnetsim.study.block import run_block
from qnetsim.study.store import header, line_of, study_line
from qnetsim.study.study import Study

SCENARIO = Path(__file__).resolve().parent.parent / "scenarios" / "single_photon_link.toml"
AXES = [
    {"path": "nodes.*.t2_s", "values": [1e-3, 1e-2]},
    {"path": "link.length_m", "values": [1e3, 1e4]},
]


def small_study(**said: Any) -> Study:
    data = {
        "name": "small", "title": "A small study", "repeats": 2, "block": {"max_rounds": 20},
        "axes": AXES, **said,
    }  # fmt: skip
    return Study(data, [load_scenario(SCENARIO)])


def rows_of(study: Study) -> list[dict[str, Any]]:
    return [run_block(task, block) for task in study.tasks() for block in range(study.repeats)]


def failed(row: dict[str, Any], text: str) -> dict[str, Any]:
    """Returns a row as it stands where its block failed."""
    return {key: row[key] for key in ("id", "block", "seed")} | {"error": text}


def write_store(path: Path, studies: list[Study], rows: list[dict[str, Any]]) -> Path:
    lines = [header(), *(study_line(study.definition()) for study in studies)]
    path.write_bytes(b"".join([*lines, *(line_of(row) for row in rows)]))
    return path
