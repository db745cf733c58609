"""A study: its points and tasks, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.study.definition import Block, Stop
from qnetsim.study.task import Task


class Study:
    """Base scenarios under many parameters.

    Args:
        data: what a study file holds (its ``scenarios`` are only their names here).
        scenarios: the base scenarios.
        source: what messages call it.

    Attributes:
        name: of the study.
        title: of the study.
        source: what it is from, or ``None``.
        seed: of all blocks.
        repeats: blocks of each point at most.
        block: where a block ends.
        stop: what ends a point before its repeats, or ``None``.
        scenarios: the base scenarios by name.
        paths: the axes' paths in the order of the file; "scenario" first where there are several.

    Raises:
        InvalidInputError: something is wrong with it; lists every fault.
    """

    name: str
    title: str
    source: str | None
    seed: int
    repeats: int
    block: Block
    stop: Stop | None
    scenarios: dict[str, Scenario | PhotonicScenario]
    paths: tuple[str, ...]

    def __init__(
        self,
        data: Mapping[str, Any],
        scenarios: Sequence[Scenario | PhotonicScenario],
        source: str = "",
    ) -> None:
        raise NotImplementedError

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Study:
        """Returns the study of a definition.

        Raises:
            InvalidInputError: something is wrong with it.
        """
        raise NotImplementedError

    def __len__(self) -> int:
        """Returns how many points there are."""
        raise NotImplementedError

    def points(self) -> Iterator[dict[str, Any]]:
        """Yields the value of each axis by its path, point by point in canonical order."""
        raise NotImplementedError

    def tasks(self) -> Iterator[Task]:
        """Yields the task of each point, in the same order."""
        raise NotImplementedError

    def definition(self) -> dict[str, Any]:
        """Returns all that remakes the study's tasks, as JSON can hold it."""
        raise NotImplementedError
