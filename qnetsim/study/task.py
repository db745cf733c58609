"""Tasks: a point's scenario and its identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qnetsim.photonic_scenario import MARK, PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.scenario_file import Head

CERTIFICATE = ("protocol", "certificate")
"""Where a scenario names a file of its own."""


@dataclass(frozen=True)
class Task:
    """A point of a study, ready to be worked on in blocks.

    Attributes:
        strong_id: SHA-256 of what decides its rows, in hex (see ``strong_id``).
        scenario: the name of its base scenario.
        data: the scenario as a parsed file would hold it, ended as a block is.
        seed: the study's.
        point: the value of each axis, by its path.
    """

    strong_id: str
    scenario: str
    data: Mapping[str, Any]
    seed: int
    point: Mapping[str, Any]


def block_seed(strong_id: str, block: int) -> int:
    """Returns the seed of a block, 64 bits of SHA-256.

    Args:
        strong_id: of its task.
        block: its number, from 0.
    """
    digest = hashlib.sha256(f"{strong_id}:{block}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def strong_id(data: Mapping[str, Any], seed: int) -> str:
    """Returns the identity of a task: SHA-256, in hex, of its ``canonical`` text.

    Args:
        data: a validated scenario with every default in its place, ended as a block is.
        seed: the study's.
    """
    return hashlib.sha256(canonical(data, seed).encode()).hexdigest()


def canonical(data: Mapping[str, Any], seed: int) -> str:
    """Returns all that decides what a task's blocks yield, and nothing else, as JSON.

    A scenario's head (names, sources, published figures) is no part of it, nor is the order of keys
    or how a file writes a number; a certificate counts by its bytes, wherever it lies. Defaults
    stand in it: a version of qnetsim with one field more gives every task another identity. Stores
    hold rows of one version only, so rows of two versions never meet.

    Args:
        data: as in ``strong_id``.
        seed: the study's.
    """
    scenario = {key: value for key, value in data.items() if key not in Head.model_fields}
    protocol = scenario["protocol"]
    if protocol.get(CERTIFICATE[1]):
        told = told_apart(CERTIFICATE, protocol[CERTIFICATE[1]])
        scenario["protocol"] = {**protocol, CERTIFICATE[1]: told}
    return as_json({"scenario": scenario, "seed": seed})


def told_apart(path: tuple[str | int, ...], value: Any) -> Any:
    """Returns what of a value counts in ``canonical``: of a file, its bytes.

    Args:
        path: of the parameter.
        value: of the parameter.
    """
    return _digest(value) if path == CERTIFICATE and value else value


def as_json(value: Any) -> str:
    """Returns a value as JSON in its only form: keys sorted, no spaces, floats by ``repr``."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def scenario_of(data: Mapping[str, Any]) -> Scenario | PhotonicScenario:
    """Returns the scenario of either kind that a task's data are.

    Raises:
        InvalidInputError: its parts do not fit together.
    """
    return PhotonicScenario(data) if MARK in data else Scenario(data)


@lru_cache(maxsize=64)
def _digest(path: str) -> str:
    return "sha256:" + hashlib.sha256(Path(path).read_bytes()).hexdigest()
