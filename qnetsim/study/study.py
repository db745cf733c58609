"""A study: its points and tasks, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.spec import faults_of
from qnetsim.study.definition import StudyModel, read_study
from qnetsim.study.grid import Grid
from qnetsim.study.task import Task, scenario_of

SCENARIO = "scenario"
"""The path of the axis of base scenarios."""

MOST_POINTS = 10_000_000


class Study:
    """Base scenarios under many parameters.

    Args:
        data: what a study file holds; of its ``scenarios`` no use is made here.
        scenarios: the base scenarios.
        source: what messages call it.

    Attributes:
        model: what the study file says.
        name: of the study.
        title: of the study.
        source: what it is from, or ``None``.
        seed: of all blocks.
        repeats: blocks of each point at most.
        block: where a block ends.
        stop: what ends a point before its repeats, or ``None``.
        scenarios: the base scenarios by name.
        paths: the axes' paths in the order of the file; ``scenario`` first where there are several.

    Raises:
        InvalidInputError: something is wrong with it; lists every fault.

    Example:
        >>> study = Study(
        ...     {"name": "t2", "title": "coherence", "block": {"max_rounds": 200},
        ...      "axes": [{"path": "nodes.*.t2_s", "values": [1e-4, 1e-3]}]},
        ...     [load_scenario("scenarios/munich_2022.toml")],
        ... )
        >>> len(study)
        2
    """

    def __init__(
        self,
        data: Mapping[str, Any],
        scenarios: Sequence[Scenario | PhotonicScenario],
        source: str = "",
    ) -> None:
        names = [base.model.name for base in scenarios]
        self.model = _model({**data, "scenarios": names}, source)
        self.scenarios = dict(zip(names, scenarios, strict=True))
        self.name, self.title, self.source = self.model.name, self.model.title, self.model.source
        self.seed, self.repeats = self.model.seed, self.model.repeats
        self.block, self.stop = self.model.block, self.model.stop
        paths = [str(one.path) for axis in self.model.axes for _, one in axis.series]
        self.paths = (*([SCENARIO] if len(names) > 1 else []), *paths)
        faults = [
            Fault(f"scenarios.{k}", repr(name), "is the name of another")
            for k, name in enumerate(names)
            if name in names[:k]
        ]
        self._grids = []
        for base in scenarios:
            grid = Grid(base, self.model)
            within = f" (in {base.model.name})" if len(names) > 1 else ""
            faults += [fault._replace(bound=fault.bound + within) for fault in grid.faults]
            self._grids.append(grid)
        if not faults and len(self) > MOST_POINTS:
            faults.append(Fault("axes", f"{len(self)} points", f"must be {MOST_POINTS} at most"))
        if faults:
            raise InvalidInputError(dict.fromkeys(faults), source)

    @classmethod
    def from_definition(cls, definition: Mapping[str, Any]) -> Study:
        """Returns the study of a definition.

        Raises:
            InvalidInputError: something is wrong with it.
        """
        return cls(definition, [scenario_of(data) for data in definition["scenarios"]])

    def __len__(self) -> int:
        """Returns how many points there are."""
        return sum(len(grid) for grid in self._grids)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yields the value of each axis by its path, point by point in canonical order."""
        for grid in self._grids:
            head = self._head(grid)
            yield from ({**head, **point} for point in grid.points())

    def tasks(self) -> Iterator[Task]:
        """Yields the task of each point, in the same order."""
        for grid in self._grids:
            yield from grid.tasks(self._head(grid))

    def definition(self) -> dict[str, Any]:
        """Returns all that remakes the study's tasks, as JSON can hold it.

        A study file's keys with what they hold; under ``scenarios`` the base scenarios themselves.
        """
        said = self.model.model_dump(mode="json", by_alias=True, exclude_none=True)
        bases = self.scenarios.values()
        whole = [base.model.model_dump(mode="json", exclude_none=True) for base in bases]
        return {**said, "scenarios": whole}

    def _head(self, grid: Grid) -> dict[str, Any]:
        return {SCENARIO: grid.data["name"]} if len(self._grids) > 1 else {}


def load_study(path: str | os.PathLike[str], settings: Iterable[str] = ()) -> Study:
    """Reads a study file and the scenarios that it names.

    Args:
        path: a TOML file.
        settings: changes to it, each ``path.to.key=value``, e.g. ``stop.heralds=100``;
            ``set.PATH=value`` changes the scenarios.

    Raises:
        InvalidInputError: a file cannot be read or something is wrong with it; lists every fault.
    """
    data, scenarios = read_study(path, settings)
    return Study(data, list(scenarios.values()), str(path))


def _model(data: Mapping[str, Any], source: str) -> StudyModel:
    try:
        return StudyModel.model_validate(data)
    except ValidationError as error:
        raise InvalidInputError(faults_of(error, StudyModel), source) from None
