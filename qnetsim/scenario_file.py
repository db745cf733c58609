"""What scenario files of every kind share: how they are read, changed, and name their sources."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, StringConstraints

from qnetsim.display import Published
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.spec import (
    LONGEST_RUN_S,
    NonNegative,
    Spec,
    described,
    dotted,
    keys_at,
    shown,
    suggestion,
    within,
)

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
SettingPair = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]
RunSeconds = Annotated[float, AfterValidator(within(1e-12, LONGEST_RUN_S))]
Figure = Annotated[float, AfterValidator(within(-1e18, 1e18))]

Loaded = TypeVar("Loaded")


class PublishedFigure(Spec):
    """What a publication says, shown beside what is simulated and used for nothing else."""

    value: Figure
    stderr: NonNegative | None = described("printed standard error", default=None)
    source: Text = described("where it stands")


def published_figures(
    figures: Mapping[str, PublishedFigure], correlators: Mapping[str, PublishedFigure]
) -> dict[str, Published]:
    """Returns published figures by the keys of the JSON output.

    Args:
        figures: by these keys.
        correlators: by their settings XY.
    """
    named = {**figures, **{f"correlators.{k}": v for k, v in correlators.items()}}
    return {k: Published(v.value, v.stderr, v.source) for k, v in named.items()}


def load(
    make: Callable[[dict[str, Any]], Loaded],
    model: type[BaseModel],
    path: str | os.PathLike[str],
    settings: Iterable[str],
) -> Loaded:
    """Returns what is made of a file with changes.

    Args:
        make: validates the parsed file.
        model: what the file describes, whose keys ``settings`` may name.
        path: a TOML file.
        settings: changes to it, each ``path.to.parameter=value``.

    Raises:
        InvalidInputError: the file cannot be read or something is wrong with it.
    """
    data = read(path)
    faults = [fault for text in settings for fault in _change(data, text, model)]
    try:
        made = make(data)
    except InvalidInputError as error:
        faults += error.faults
    if faults:
        raise InvalidInputError(faults, str(path))
    return made


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
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


def _change(data: dict[str, Any], text: str, model: type[BaseModel]) -> Iterator[Fault]:
    """Sets one parameter of a parsed file, or yields why it cannot be set."""
    path, equals, value = text.partition("=")
    parts = path.strip().split(".")
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
            place[key] = _parsed(value.strip())
        else:
            place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]


def _parsed(text: str) -> Any:
    """Returns a TOML value, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text
