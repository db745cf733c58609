"""Parameters of a scenario by their paths: wildcards, and names for the parts of a link."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel


class Parameter(NamedTuple):
    """What a model says of a parameter.

    Attributes:
        description: in words; may be empty.
        kind: ``number``, ``integer``, ``text``, ``true or false`` or ``other``.
        low: the least value, or ``None`` where there is none.
        high: the greatest, likewise.
        default: the default, or ``None``.
    """

    description: str
    kind: str
    low: float | None
    high: float | None
    default: Any


def resolve(data: Mapping[str, Any], path: str, model: type[BaseModel]) -> list[str]:
    """Returns the parameters that a path names, each by its own path in the file.

    Args:
        data: the scenario.
        path: may hold ``*`` for every name, and ``link.<kind>.<field>``.
        model: the scenario's.

    Raises:
        InvalidInputError: it names nothing.
    """
    raise NotImplementedError


def expand(
    data: Mapping[str, Any], path: str, value: Any, model: type[BaseModel]
) -> dict[str, Any]:
    """Returns the value of each parameter that a path names, once the path is set to a value.

    ``link.length_m`` spreads over the link's channels; any other path sets all alike.

    Raises:
        InvalidInputError: it names nothing.
    """
    raise NotImplementedError


def read(data: Mapping[str, Any], path: str, model: type[BaseModel]) -> list[Any]:
    """Returns the values of the parameters that a path names; of ``link.length_m`` the sum."""
    raise NotImplementedError


def assign(data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a scenario with some parameters set; the given one stays as it is.

    Args:
        data: the scenario.
        values: by the paths that ``resolve`` returns.
    """
    raise NotImplementedError


def describe(model: type[BaseModel], path: str) -> Parameter:
    """Returns what a scenario's model says of a parameter.

    Args:
        model: the scenario's.
        path: of a parameter; wildcards and links' parts included.

    Raises:
        InvalidInputError: there is no such parameter.
    """
    raise NotImplementedError
