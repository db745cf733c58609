"""A block of a task, and the row that comes of it."""

from __future__ import annotations

from typing import Any

from qnetsim.study.task import Task

Row = dict[str, Any]
"""``id``, ``block``, ``seed``, and either ``counts`` or ``error``."""


def run_block(task: Task, block: int) -> Row:
    """Returns the row of a block; a block that fails gives a row with its error.

    Args:
        task: what to simulate.
        block: its number, from 0.
    """
    raise NotImplementedError
