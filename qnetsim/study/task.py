"""Tasks: a point's scenario and its identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Task:
    """A point of a study, ready to be worked on in blocks.

    Attributes:
        strong_id: SHA-256 of what decides its rows, in hex.
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
