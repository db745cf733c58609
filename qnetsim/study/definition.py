"""The study file: what it may say, and how it is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario, load_scenario
from qnetsim.scenario_file import RunSeconds, change, parsed, read_toml
from qnetsim.spec import Name, PositiveInteger, Spec, Text, described, shown, within

MOST_VALUES = 10_000
"""Values of one axis at most: each is validated when the study is read."""

_DIGITS = 12

_OF_SCENARIOS = {"run", "protocol"}

Share = Annotated[float, AfterValidator(within(0, 1, open_low=True))]
Seed = Annotated[int, AfterValidator(within(0, 2**63 - 1))]
Points = Annotated[int, AfterValidator(within(1, MOST_VALUES))]

Bases = dict[str, Scenario | PhotonicScenario]
"""Base scenarios by their names."""


class Block(Spec):
    """One unit of work: where a run ends, in place of what the scenarios' own [run] says."""

    duration_s: RunSeconds | None = described("simulated time", default=None)
    max_rounds: PositiveInteger | None = described("rounds", default=None)
    rounds_per_setting: PositiveInteger | None = described(
        "rounds for each pair of settings, where a photonic scenario plays them in turn",
        default=None,
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if not self.ends:
            bound = "needs a duration_s, max_rounds or rounds_per_setting to end at"
            raise PydanticCustomError("endless", "{bound}", {"bound": bound})
        return self

    @property
    def ends(self) -> dict[str, Any]:
        """What is set of it."""
        return self.model_dump(exclude_none=True)


class Stop(Spec):
    """What ends a point before its repeats, judged after each block: the first that holds."""

    heralds: PositiveInteger | None = described("once it has so many heralds", default=None)
    rounds: PositiveInteger | None = described("once it has so many rounds", default=None)
    relative_error: Share | None = described(
        "from 5 blocks on: once the standard error of the herald rate is this share of it at most",
        default=None,
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            bound = "needs heralds, rounds or a relative_error to stop at"
            raise PydanticCustomError("unstoppable", "{bound}", {"bound": bound})
        return self


class Range(Spec):
    """Evenly spaced values, or values in even proportion."""

    start: float = described("the first value", alias="from")
    to: float = described("the last value")
    points: Points = described("how many values")

    def linear(self) -> list[float]:
        """Returns evenly spaced values."""
        return [self.start + (self.to - self.start) * share for share in self._shares()]

    def log(self) -> list[float]:
        """Returns values in even proportion."""
        ratio = self.to / self.start
        return [self.start * ratio**share for share in self._shares()]

    def _shares(self) -> Iterator[float]:
        return (k / max(self.points - 1, 1) for k in range(self.points))


class LogRange(Range):
    """Values in even proportion."""

    @model_validator(mode="after")
    def _above_zero(self) -> Self:
        for key, value in (("from", self.start), ("to", self.to)):
            if value <= 0:
                bound = f"must have a '{key}' above 0, not {value:g}"
                raise PydanticCustomError("log", "{bound}", {"bound": bound})
        return self


class Series(Spec):
    """The values of a path, one after the other."""

    path: Text | None = described("the parameter; absent where there is a zip", default=None)
    values: Annotated[list[Any], Field(min_length=1, max_length=MOST_VALUES)] | None = described(
        "the values", default=None
    )
    linear: Range | None = described("evenly spaced values", default=None)
    log: LogRange | None = described("values in even proportion", default=None)

    @property
    def form(self) -> str:
        """Which of its forms gives the values."""
        return next(form for form in _FORMS if getattr(self, form) is not None)

    def raw_values(self, integers: bool) -> list[Any]:
        """Returns the values as the file gives them; of a range in 12 digits.

        Twelve digits are the same on every machine, and so are the identities of tasks.

        Args:
            integers: whether the parameter takes whole numbers: a range then gives its values
                rounded, each once.
        """
        if self.values is not None:
            return self.values
        spaced = self.linear.linear() if self.linear else self.log.log() if self.log else []
        if integers:
            return list(dict.fromkeys(round(value) for value in spaced))
        return [float(f"{value:.{_DIGITS}g}") for value in spaced]

    def _check_one_form(self) -> None:
        forms = [form for form in _FORMS if getattr(self, form) is not None]
        if self.path is None or len(forms) != 1:
            bound = "needs a path and one of values, linear or log"
            bound += f", not {' and '.join(forms)}" if len(forms) > 1 else ""
            raise PydanticCustomError("series", "{bound}", {"bound": bound})


_FORMS = ("values", "linear", "log")


class ZippedSeries(Series):
    """The values of a path that is stepped together with others."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        self._check_one_form()
        return self


class Axis(Series):
    """An axis of a study: a path and its values, or several that are stepped together."""

    zip: Annotated[list[ZippedSeries], Field(min_length=1)] | None = described(
        "several paths, stepped together: equally many values each", default=None
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.zip is None:
            self._check_one_form()
        elif self.path is not None or any(getattr(self, form) is not None for form in _FORMS):
            bound = "has a zip: path and values belong inside it"
            raise PydanticCustomError("zip", "{bound}", {"bound": bound})
        return self

    @property
    def series(self) -> list[tuple[str, Series]]:
        """The paths that it steps, each after where it stands inside the axis."""
        if self.zip is None:
            return [("", self)]
        return [(f".zip.{k}", one) for k, one in enumerate(self.zip)]


def _in_order(changes: dict[str, Any]) -> dict[str, Any]:
    """Returns changes in the order of their paths, in which a store holds them too."""
    return dict(sorted(changes.items()))


class StudyModel(Spec):
    """A study file."""

    name: Name
    title: Text
    source: Text | None = described("what it is from", default=None)
    scenarios: Annotated[list[Text], Field(min_length=1, max_length=100)] = described(
        "scenario files, from the study file's folder; of several, the first axis is `scenario`"
    )
    seed: Seed = described("of all blocks", default=1)
    repeats: PositiveInteger = described("blocks of each point at most", default=1)
    block: Block
    stop: Stop | None = described("never before its repeats where it is absent", default=None)
    set: Annotated[dict[Text, Any], AfterValidator(_in_order)] = described(
        "changes to every scenario: values by path", default={}
    )
    axes: list[Axis] = described("crossed in this order, the last fastest", default=[])


def read_study(
    path: str | os.PathLike[str], settings: Iterable[str] = ()
) -> tuple[dict[str, Any], Bases]:
    """Returns a parsed study file, and the scenarios that it names.

    Args:
        path: a TOML file.
        settings: changes to it, each ``path.to.key=value``; ``set.PATH=value`` changes scenarios.

    Raises:
        InvalidInputError: a file cannot be read or something is wrong with a scenario or a setting.
    """
    data = read_toml(path)
    if "scenarios" not in data and data.keys() & _OF_SCENARIOS:
        bound = "is a scenario; a study names such files as its scenarios, and has a [block]"
        raise InvalidInputError([Fault(str(path), "", bound)])
    faults = [fault for text in settings for fault in _change(data, text)]
    bases: Bases = {}
    files = data.get("scenarios")
    for k, file in enumerate(files if isinstance(files, list) else ()):
        if isinstance(file, str) and file:
            faults += _load_base(bases, f"scenarios.{k}", file, Path(path).parent)
    if faults:
        raise InvalidInputError([*faults, *_own_faults(data)], str(path))
    return data, bases


def _load_base(bases: Bases, where: str, file: str, folder: Path) -> Iterator[Fault]:
    """Adds the scenario in a file to others, or yields what is wrong with it."""
    try:
        base = load_scenario(folder / file)
    except InvalidInputError as error:
        for fault in error.faults:
            if fault.path == str(folder / file):
                yield Fault(where, shown(file), fault.bound)
            else:
                yield Fault(f"{where} ({file}): {fault.path}", fault.value, fault.bound)
        return
    if base.model.name in bases:
        yield Fault(where, shown(file), f"has the name of another, '{base.model.name}'")
    bases[base.model.name] = base


def _own_faults(data: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Returns what is wrong with a study file by itself."""
    try:
        StudyModel(**data)
    except InvalidInputError as error:
        return error.faults
    return ()


def _change(data: dict[str, Any], text: str) -> Iterator[Fault]:
    """Changes a parsed study file, or yields why it cannot be."""
    name, equals, value = text.partition("=")
    if not (equals and name.strip().startswith("set.")):
        yield from change(data, text, StudyModel)
        return
    changes = data.setdefault("set", {})
    try:
        if isinstance(changes, dict):
            changes[name.strip().removeprefix("set.")] = parsed(value.strip())
    except ValueError as error:
        yield Fault(f"--set {name.strip()}", value.strip(), str(error))
