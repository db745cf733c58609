"""What is counted in a block, so that blocks add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnetsim.photonic_result import PhotonicResult
from qnetsim.result import Result

Counts = Mapping[str, Any]
"""A nested dictionary of numbers."""


def counts_of(result: Result | PhotonicResult) -> dict[str, Any]:
    """Returns the counts of a run."""
    raise NotImplementedError


def add(first: Counts, second: Counts) -> dict[str, Any]:
    """Returns the sum of two nested dictionaries of numbers; what one lacks counts as 0."""
    raise NotImplementedError
