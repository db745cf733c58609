"""A base scenario under all choices of a study's axes, and their identities without validation.

Each value of an axis is validated by itself, once, against the base. What it changes there is cut
out of the base's JSON; a task's JSON, and so its identity, is then a splice of such pieces.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario
from qnetsim.scenario_file import Head
from qnetsim.spec import dotted, shown
from qnetsim.study.definition import Axis, Block, Series, StudyModel
from qnetsim.study.parameters import LENGTH, assign, describe, expand, read
from qnetsim.study.task import Task, as_json, canonical, told_apart

_MOST_FAULTS = 5

Place = tuple[str | int, ...]


class _Step(NamedTuple):
    """One value of an axis.

    Attributes:
        point: the value of each of the axis' paths.
        changed: what it changes in the base, by place.
    """

    point: dict[str, Any]
    changed: dict[Place, Any]


class Grid:
    """A base scenario's points.

    Args:
        base: the scenario.
        study: what the study file says.

    Attributes:
        faults: what is wrong; the rest is of use only where this is empty.
        data: the scenario, changed and ended as the study says, with every default in its place.
    """

    def __init__(self, base: Scenario | PhotonicScenario, study: StudyModel) -> None:
        self.faults: list[Fault] = []
        self._kind = type(base)
        self._seed = study.seed
        self.data: dict[str, Any] = base.model.model_dump(mode="json")
        self._change(study)
        if self.faults:
            return
        self._axes = [list(self._steps(k, axis)) for k, axis in enumerate(study.axes)]
        self._places = [_outermost(steps) for steps in self._axes]
        self.faults += self._collisions()
        if self.faults:
            return
        self._cut()

    def __len__(self) -> int:
        """Returns how many points it has."""
        return math.prod(len(steps) for steps in self._axes)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yields the value of each axis by its path, the last axis fastest."""
        for steps in product(*self._axes):
            yield {path: value for step in steps for path, value in step.point.items()}

    def tasks(self, head: Mapping[str, Any]) -> Iterator[Task]:
        """Yields the task of each point, in the same order.

        Args:
            head: what stands first in each point.
        """
        name = self.data["name"]
        pieces = list(self._segments)
        values: list[Any] = [None] * len(self._order)
        for choice in product(*self._pieces):
            point = dict(head)
            for step_point, changes in choice:
                point.update(step_point)
                for slot, text, value in changes:
                    pieces[2 * slot + 1] = text
                    values[slot] = value
            strong_id = hashlib.sha256(b"".join(pieces)).hexdigest()
            data = _rebuilt(self.data, self._tree, values)
            yield Task(strong_id, name, data, self._seed, point)

    # --- how the base is changed and ended --------------------------------------------------------

    def _change(self, study: StudyModel) -> None:
        """Applies what a study changes in every scenario, and its block's end."""
        origins: dict[str, tuple[str, Any]] = {}
        for path, value in study.set.items():
            try:
                leaves = self._expanded(path, value)
            except InvalidInputError as error:
                self.faults += [Fault(f"set.{path}", f.value, f.bound) for f in error.faults]
            else:
                self.faults += _twice(path, leaves, origins)
                self.data = assign(self.data, leaves)
                origins |= dict.fromkeys(leaves, (f"set.{path}", value))
        self.data["run"] = {**study.block.ends, "resolution": self.data["run"]["resolution"]}
        if self.faults:
            return
        try:
            self.data = self._validated(self.data)
        except InvalidInputError as error:
            self.faults += [_traced(fault, origins) for fault in error.faults]

    def _validated(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a scenario as its model writes it: every default in its place."""
        return self._kind(data).model.model_dump(mode="json")

    def _expanded(self, path: str, value: Any) -> dict[str, Any]:
        """Returns what a path and its value set in the base, if a study may."""
        leaves = expand(self.data, path, value, self._kind.describes)
        for leaf in leaves:
            top, _, below = leaf.partition(".")
            if top in Head.model_fields:
                bound = "changes nothing that is simulated"
                raise InvalidInputError([Fault(path, "", bound)])
            if top == "run" and below in {"", *Block.model_fields}:
                bound = "is for [block] to say"
                raise InvalidInputError([Fault(path, "", bound)])
        return leaves

    # --- the values of its axes -------------------------------------------------------------------

    def _steps(self, number: int, axis: Axis) -> Iterator[_Step]:
        """Yields an axis' values, each validated by itself; notes what is wrong with them."""
        where = f"axes.{number}"
        columns = [
            (where + place, one, self._values(where + place, one)) for place, one in axis.series
        ]
        lengths = [len(values) for _, _, values in columns]
        if not all(lengths):
            return
        if len(set(lengths)) > 1:
            bound = "must step equally many values each"
            told = " and ".join(str(length) for length in lengths)
            self.faults.append(Fault(f"{where}.zip", told, bound))
            return
        faults: list[Fault] = []
        seen: dict[str, int] = {}
        for k in range(lengths[0]):
            step = self._step(k, columns, faults)
            if step is None:
                continue
            told = as_json([[list(place), value] for place, value in step.changed.items()])
            if told in seen:
                bound = f"is the same as value {seen[told]}"
                faults.append(Fault(f"{where}, value {k}", shown(step.point), bound))
            seen[told] = k
            yield step
        faults = list(dict.fromkeys(faults))
        self.faults += faults[:_MOST_FAULTS]
        if len(faults) > _MOST_FAULTS:
            self.faults.append(Fault(where, "", f"has {len(faults) - _MOST_FAULTS} faults more"))

    def _values(self, where: str, series: Series) -> list[Any]:
        """Returns a path's values; none where the path is wrong."""
        assert series.path is not None
        try:
            self._expanded(series.path, 0.0)
            kind = describe(self._kind.describes, series.path).kind
        except InvalidInputError as error:
            told = (Fault(f"{where}.path", repr(series.path), f.bound) for f in error.faults)
            self.faults += told
            return []
        return series.raw_values(kind == "integer")

    def _step(
        self, number: int, columns: Sequence[tuple[str, Series, list[Any]]], faults: list[Fault]
    ) -> _Step | None:
        """Returns one value of an axis, or ``None`` where it is wrong."""
        leaves: dict[str, Any] = {}
        origins: dict[str, tuple[str, Any]] = {}
        for where, series, values in columns:
            value, place = values[number], f"{where}.{series.form}.{number}"
            assert series.path is not None
            try:
                own = self._expanded(series.path, value)
            except InvalidInputError as error:
                faults += [Fault(place, shown(value), fault.bound) for fault in error.faults]
                return None
            for leaf in sorted(set(own) & set(leaves)):
                faults.append(Fault(f"{where}.path", repr(series.path), f"sets {leaf} twice"))
            leaves |= own
            origins |= dict.fromkeys(own, (place, value))
        try:
            data = self._validated(assign(self.data, leaves))
        except InvalidInputError as error:
            faults += [_traced(fault, origins) for fault in error.faults]
            return None
        places = {_place(leaf) for leaf in leaves}
        model = self._kind.describes
        point = {str(one.path): read(data, str(one.path), model)[0] for _, one, _ in columns}
        if LENGTH in point:
            point[LENGTH] = float(next(v[number] for _, one, v in columns if one.path == LENGTH))
        return _Step(point, dict(_differences(self.data, data, places)))

    def _collisions(self) -> Iterator[Fault]:
        """Yields axes that change one and the same parameter."""
        for (a, first), (b, second) in combinations(enumerate(self._places), 2):
            for one, other in product(first, second):
                if one[: len(other)] == other[: len(one)]:
                    path = dotted(one if len(one) > len(other) else other)
                    bound = f"changes {path}, which axes.{a} changes too"
                    yield Fault(f"axes.{b}", "", bound)

    # --- the pieces of its JSON -------------------------------------------------------------------

    def _cut(self) -> None:
        """Cuts the base's canonical JSON at every place that an axis changes."""
        places = [place for own in self._places for place in own]
        token = hashlib.sha256(canonical(self.data, self._seed).encode()).hexdigest()
        marks = [f"{token}:{k}" for k in range(len(places))]
        self._tree = _tree_of(places)
        marked = canonical(_rebuilt(self.data, _tree_of(places), marks), self._seed)
        order = sorted(range(len(places)), key=lambda k: marked.index(f'"{marks[k]}"'))
        self._segments: list[bytes] = []
        for k in order:
            before, marked = marked.split(f'"{marks[k]}"')
            self._segments += [before.encode(), b""]
        self._segments.append(marked.encode())
        self._order = order
        slot_of = {places[k]: slot for slot, k in enumerate(order)}
        self._tree = _tree_of([places[k] for k in order])
        self._pieces = [
            [(step.point, list(self._piece(own, slot_of, step))) for step in steps]
            for own, steps in zip(self._places, self._axes, strict=True)
        ]

    def _piece(
        self, places: Sequence[Place], slot_of: Mapping[Place, int], step: _Step
    ) -> Iterator[tuple[int, bytes, Any]]:
        """Yields slot, JSON and value of each place that a step's axis changes."""
        for place in places:
            below = {
                at[len(place) :]: v for at, v in step.changed.items() if at[: len(place)] == place
            }
            value = below[()] if () in below else _with(_get(self.data, place), below)
            yield slot_of[place], as_json(told_apart(place, value)).encode(), value


def _traced(fault: Fault, origins: Mapping[str, tuple[str, Any]]) -> Fault:
    """Returns a scenario's fault as one of what the study sets there."""
    if fault.path in origins:
        where, value = origins[fault.path]
        return Fault(where, shown(value), fault.bound)
    if fault.path.partition(".")[0] == "run" and not origins:
        return fault._replace(path="block" + fault.path.removeprefix("run"))
    if not origins:
        return fault
    near = (leaf for leaf in origins if leaf.startswith(f"{fault.path}."))
    where, value = origins[next(near, next(iter(origins)))]
    told = f"{fault.path} = {fault.value}" if fault.value else fault.path
    return Fault(where, shown(value), f"makes {told}: {fault.bound}")


def _twice(
    path: str, leaves: Iterable[str], origins: Mapping[str, tuple[str, Any]]
) -> Iterator[Fault]:
    """Yields what a path sets that another sets too: which of them holds nobody could tell."""
    found: dict[str, str] = {}
    for leaf, (other, (where, _)) in product(leaves, origins.items()):
        one, two = _place(leaf), _place(other)
        if one[: len(two)] == two[: len(one)]:
            found.setdefault(where, leaf if len(one) > len(two) else other)
    for where, leaf in found.items():
        yield Fault(f"set.{path}", "", f"changes {leaf}, which {where} changes too")


def _place(path: str) -> Place:
    return tuple(int(part) if part.isdecimal() else part for part in path.split("."))


def _get(data: Any, place: Place) -> Any:
    for part in place:
        data = data[part]
    return data


def _with(base: Any, changed: Mapping[Place, Any]) -> Any:
    """Returns a table with what is changed below it."""
    return _rebuilt(base, _tree_of(list(changed)), list(changed.values())) if changed else base


def _differences(
    base: Any, other: Any, chosen: set[Place], place: Place = ()
) -> Iterator[tuple[Place, Any]]:
    """Yields what differs between two scenarios, and what was chosen, by its place."""
    tables = isinstance(base, dict) and isinstance(other, dict) and base.keys() == other.keys()
    lists = isinstance(base, list) and isinstance(other, list) and len(base) == len(other)
    if place not in chosen and (tables or lists):
        for key in base if tables else range(len(base)):
            yield from _differences(base[key], other[key], chosen, (*place, key))
    elif place in chosen or type(base) is not type(other) or base != other:
        yield place, other


def _outermost(steps: Sequence[_Step]) -> list[Place]:
    """Returns the places that any step changes, without those inside others."""
    places = Counter(place for step in steps for place in step.changed)
    return [place for place in places if not any(place[:k] in places for k in range(len(place)))]


def _tree_of(places: Sequence[Place]) -> dict[str | int, Any]:
    """Returns places as nested tables that end in their numbers."""
    tree: dict[str | int, Any] = {}
    for number, place in enumerate(places):
        inner = tree
        for part in place[:-1]:
            inner = inner.setdefault(part, {})
        inner[place[-1]] = number
    return tree


def _rebuilt(base: Any, tree: Mapping[str | int, Any], values: Sequence[Any]) -> Any:
    """Returns data with the values at a tree's places; what is not on the way is shared."""
    copy = base.copy()
    for key, inner in tree.items():
        copy[key] = values[inner] if type(inner) is int else _rebuilt(copy[key], inner, values)
    return copy
