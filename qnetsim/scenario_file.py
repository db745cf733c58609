"""What scenario files of every kind share: how they are read, changed, and name their sources."""

from __future__ import annotations

import os
import re
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, StringConstraints

from qnetsim.display import Published
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.spec import (
    LONGEST_RUN_S,
    Name,
    NonNegative,
    Spec,
    Text,
    described,
    dotted,
    keys_at,
    shown,
    suggestion,
    within,
)

SettingPair = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]
RunSeconds = Annotated[float, AfterValidator(within(1e-12, LONGEST_RUN_S))]
Figure = Annotated[float, AfterValidator(within(-1e18, 1e18))]

_NUMBER = re.compile(r"[+-]?([0-9]{1,300}[.]?[0-9]{0,300}|[.][0-9]{1,300})([eE][+-]?[0-9]{1,9})?")

Described = TypeVar("Described", bound="Head")


class PublishedFigure(Spec):
    """What a publication says, shown beside what is simulated and used for nothing else."""

    value: Figure
    stderr: NonNegative | None = described("printed standard error", default=None)
    source: Text = described("where it stands")


class Head(Spec):
    """What a scenario file of any kind says of itself and of its publication."""

    name: Name
    title: Text
    source: Text = described("the publication that the parameters come from")
    published: dict[str, PublishedFigure] = described(
        "figures by their key in the JSON output", default={}
    )
    published_correlators: dict[SettingPair, PublishedFigure] = described(
        "correlators by their settings XY", default={}
    )


_NOT_THE_LINK = {*Head.model_fields, "run"}
_ENDS = {"duration_s", "max_rounds", "rounds_per_setting"}
_GROW_WITH_THE_RUN = {
    "sim_time_s",
    "wall_time_s",
    "attempts",
    "heralds",
    "heralds_missed",
    "rounds",
    "key_length_bits",
}


class FromFile(ABC, Generic[Described]):
    """A scenario as it stands in a file; a subclass is made of a parsed file.

    Attributes:
        describes: the model of such a file, whose keys ``load`` may change.
        model: what the file says.
        changed: whether ``load`` was told to change more than its head and how it is run.
        ends_elsewhere: whether ``load`` was told where a run ends.
    """

    describes: type[Described]
    model: Described
    changed: bool = False
    ends_elsewhere: bool = False

    @abstractmethod
    def __init__(self, data: Mapping[str, Any], source: str = "") -> None:
        """Validates a parsed file that messages call ``source``."""

    @classmethod
    def load(cls, path: str | os.PathLike[str], settings: Iterable[str] = ()) -> Self:
        """Reads a scenario file.

        Args:
            path: a TOML file.
            settings: changes to it, each ``path.to.parameter=value``.

        Raises:
            InvalidInputError: the file cannot be read or something is wrong with it.
        """
        return load(lambda _: cls, path, settings)

    def published(self) -> dict[str, Published]:
        """Returns the published figures by the keys of the JSON output.

        A changed link has none; a run that ends elsewhere has none that grows with it.
        """
        if self.changed:
            return {}
        left_out = _GROW_WITH_THE_RUN if self.ends_elsewhere else set()
        correlators = self.model.published_correlators.items()
        named = self.model.published | {f"correlators.{k}": v for k, v in correlators}
        return {
            k: Published(v.value, v.stderr, v.source) for k, v in named.items() if k not in left_out
        }


Loaded = TypeVar("Loaded", bound=FromFile[Any])


def load(
    kind_of: Callable[[Mapping[str, Any]], type[Loaded]],
    path: str | os.PathLike[str],
    settings: Iterable[str] = (),
) -> Loaded:
    """Returns the scenario in a file, with changes.

    Args:
        kind_of: tells from the parsed file which kind of scenario it holds.
        path: a TOML file.
        settings: changes to it, each ``path.to.parameter=value``.

    Raises:
        InvalidInputError: the file cannot be read or something is wrong with it.
    """
    data = read_toml(path)
    kind, settings = kind_of(data), list(settings)
    faults = [fault for text in settings for fault in change(data, text, kind.describes)]
    _place_certificate(data, Path(path).parent)
    try:
        scenario = kind(data)
    except InvalidInputError as error:
        faults += error.faults
    if faults:
        raise InvalidInputError(faults, str(path))
    paths = [_tables(text) for text in settings]
    scenario.changed = any(path[0] not in _NOT_THE_LINK for path in paths)
    scenario.ends_elsewhere = any(
        path[0] == "run" and (len(path) == 1 or path[1] in _ENDS) for path in paths
    )
    return scenario


def _place_certificate(data: Mapping[str, Any], folder: Path) -> None:
    """Makes the path of a certificate one from here: files name it from their own folder."""
    protocol = data.get("protocol")
    if isinstance(protocol, dict) and isinstance(name := protocol.get("certificate"), str):
        protocol["certificate"] = str(folder / name)


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns a parsed TOML file.

    Raises:
        InvalidInputError: it cannot be read or is not TOML.
    """
    try:
        with Path(path).open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError) as error:  # a ValueError alone: a number of 4301 digits
        bound = "is not TOML: " + " ".join(str(error).split())
    raise InvalidInputError([Fault(str(path), "", bound)])


def change(data: dict[str, Any], text: str, model: type[BaseModel]) -> Iterator[Fault]:
    """Sets one parameter of a parsed file, or yields why it cannot be set."""
    _, equals, value = text.partition("=")
    parts = _tables(text)
    if not equals or not all(parts):
        yield Fault("--set", shown(text), "must read path.to.parameter=value")
        return
    place: Any = data
    for depth, part in enumerate(parts):
        known: Mapping[str, Any] = {}
        if isinstance(place, list):
            known = {str(index): index for index in range(len(place))}
        elif isinstance(place, dict):
            known = {key: key for key in [*keys_at(model, parts[:depth]), *place]}
        if part not in known:
            where = dotted(parts[: depth + 1])
            yield Fault(f"--set {where}", "", "unknown path" + suggestion(part, known))
            return
        key = known[part]
        if depth == len(parts) - 1:
            try:
                place[key] = parsed(value.strip())
            except ValueError as error:
                yield Fault(f"--set {dotted(parts)}", value.strip(), str(error))
        else:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]


def _tables(text: str) -> list[str]:
    """Returns the parts of the path that a change names."""
    return text.partition("=")[0].strip().split(".")


def parsed(text: str) -> Any:
    """Returns a TOML value, or the text itself where it is none.

    Raises:
        ValueError: it is a number, but TOML writes it otherwise; or more than a value.
    """
    try:
        read = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        if _NUMBER.fullmatch(text):
            number = float(text) if set(text) & set(".eE") else int(text)
            raise ValueError(f"is no number in TOML: write {number!r}") from None
        return text
    if len(read) > 1:
        raise ValueError("must be a single value: give each parameter its own --set")
    return read["value"]
