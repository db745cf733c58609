"""Parameters of a scenario by their paths: wildcards, and names for the parts of a link.

A path is dotted, as in ``--set``. ``*`` stands for every name in its place at which the rest of the
path leads somewhere. ``link.`` stands for the protocol's link: ``link.node``, ``link.station``,
``link.fibre``, ``link.free_space``, ``link.classical`` and ``link.converter`` for its parts,
``link.length_m`` for the length of its channels in all, and anything else for what stands in the
link's own table. In scenarios of all-photonic links these are the users (``link.node``), the fibres
that light goes through (``link.fibre``) and their length.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from qnetsim.channels.channel import scaled_to
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import MARK
from qnetsim.spec import dotted, field_at, keys_at, required, shown, suggestion

LENGTH = "link.length_m"
"""The path of the length of a link's channels in all."""

_ROUTES = {
    "fibre": "fibres",
    "free_space": "free_space",
    "classical": "classical",
    "converter": "converters",
}
_PHOTONIC_USERS = ("alice", "bob")
_KINDS = {float: "number", int: "integer", str: "text", bool: "true or false"}

_Parts = list[str]


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
        data: a valid scenario.
        path: may hold ``*`` and begin with ``link.``.
        model: the scenario's.

    Raises:
        InvalidInputError: it names nothing.
    """
    leaves: dict[str, None] = {}
    faults: list[Fault] = []
    several = "*" in path or path.startswith("link.")
    for parts in _patterns(data, path, model):
        for found in _matches(data, parts, model, (), several):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                leaves[dotted(found)] = None
    if leaves and (several or not faults):
        return list(leaves)
    nearest = next((fault.bound for fault in faults if fault.bound), "names nothing here")
    raise InvalidInputError([Fault(path, "", nearest)])


def expand(
    data: Mapping[str, Any], path: str, value: Any, model: type[BaseModel]
) -> dict[str, Any]:
    """Returns the value of each parameter that a path names, once the path is set to a value.

    ``link.length_m`` scales the link's channels in their proportions, photon channels and classical
    ones each to this sum; halves where all were 0. Any other path sets all that it names alike.

    Args:
        data: a valid scenario.
        path: may hold ``*`` and begin with ``link.``.
        value: to set.
        model: the scenario's.

    Raises:
        InvalidInputError: the path names nothing, or a length is no number.
    """
    leaves = resolve(data, path, model)
    if path != LENGTH:
        return dict.fromkeys(leaves, value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError([Fault(path, shown(value), "must be a number")])
    spread: dict[str, Any] = {}
    for group in _length_groups(leaves):
        present = [_at(data, leaf.split(".")) for leaf in group]
        spread |= zip(group, scaled_to(present, float(value)), strict=True)
    return spread


def read(data: Mapping[str, Any], path: str, model: type[BaseModel]) -> list[Any]:
    """Returns the values of the parameters that a path names; of ``link.length_m`` the sum.

    Raises:
        InvalidInputError: it names nothing.
    """
    leaves = resolve(data, path, model)
    if path == LENGTH:
        return [sum(_at(data, leaf.split(".")) for leaf in next(_length_groups(leaves)))]
    return [_at(data, leaf.split(".")) for leaf in leaves]


def assign(data: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a scenario with some parameters set; the given one stays as it is.

    Args:
        data: the scenario.
        values: by the paths that ``resolve`` returns. A table that is absent is made.
    """
    changed = dict(data)
    for path, value in values.items():
        *tables, last = path.split(".")
        place: Any = changed
        for part in tables:
            key = _key(place, part)
            inner = place[key] if isinstance(place, list) else place.get(key)
            place[key] = list(inner) if isinstance(inner, list) else dict(inner or {})
            place = place[key]
        place[_key(place, last)] = value
    return changed


def describe(model: type[BaseModel], path: str) -> Parameter:
    """Returns what a scenario's model says of a parameter.

    Args:
        model: the scenario's.
        path: of a parameter; may hold ``*`` and begin with ``link.``.

    Raises:
        InvalidInputError: there is no such parameter.
    """
    for parts in _places_in(model, path):
        field = field_at(model, parts)
        if field is not None:
            break
        if keys_at(model, parts):
            return Parameter("", "other", None, None, None)
    else:
        known = keys_at(model, path.split(".")[:-1])
        bound = "unknown path" + suggestion(path.split(".")[-1], known)
        raise InvalidInputError([Fault(path, "", bound)])
    plain: Any = required(field.annotation)
    low, high = _bounds([*field.metadata, *_metadata(field.annotation)])
    default = None if field.default is PydanticUndefined else field.default
    kind = _KINDS.get(plain, "text" if _is_words(plain) else "other")
    return Parameter(field.description or "", kind, low, high, default)


def _key(place: Any, part: str) -> Any:
    return int(part) if isinstance(place, list) else part


def _at(data: Any, parts: Sequence[str]) -> Any:
    """Returns what stands at a path; ``None`` where a table on the way is absent."""
    place = data
    for part in parts:
        if place is None:
            return None
        place = place[int(part)] if isinstance(place, list) else place.get(part)
    return place


# --- which parts a path means ---------------------------------------------------------------------


def _patterns(data: Mapping[str, Any], path: str, model: type[BaseModel]) -> Iterator[_Parts]:
    """Yields the paths in the file that a path means, ``link.`` undone."""
    parts = path.split(".")
    if parts[0] != "link" or len(parts) < 2:
        yield parts
    elif MARK in data:
        yield from _photonic_parts(data, path, parts[1:])
    else:
        yield from _link_parts(data, path, parts[1:], model)


def _link_parts(
    data: Mapping[str, Any], path: str, parts: _Parts, model: type[BaseModel]
) -> Iterator[_Parts]:
    name = data["protocol"]["link"]
    link = data["links"][name]
    ends = {(node, link["station"]) for node in link["nodes"]}
    tables: tuple[str, ...] = ("fibres", "free_space", "classical") if path == LENGTH else ()
    kind, rest = parts[0], parts[1:]
    if kind in _ROUTES:
        tables = (_ROUTES[kind],)
    if kind == "node":
        yield from (["nodes", node, *rest] for node in link["nodes"])
    elif kind == "station":
        yield ["stations", link["station"], *rest]
    elif not tables:
        own = keys_at(model, ("links", name))
        if kind not in own:
            known = [*own, *_ROUTES, "node", "station", "length_m"]
            raise InvalidInputError([Fault(path, "", "unknown path" + suggestion(kind, known))])
        yield ["links", name, *parts]
    else:
        routes = [
            [table, route]
            for table in tables
            for route, there in (data.get(table) or {}).items()
            if (there["node"], there["station"]) in ends
        ]
        if not routes:
            raise InvalidInputError([Fault(path, "", f"the link '{name}' has no {kind}")])
        yield from ([*route, *(parts if path == LENGTH else rest)] for route in routes)


def _photonic_parts(data: Mapping[str, Any], path: str, parts: _Parts) -> Iterator[_Parts]:
    lit = [*_PHOTONIC_USERS]
    lit += [f"{user}_relay" for user in _PHOTONIC_USERS if _relayed(data, user)]
    if path == LENGTH:
        yield from (["fibres", name, "length_m"] for name in lit)
    elif parts[0] == "fibre":
        yield from (["fibres", name, *parts[1:]] for name in lit)
    elif parts[0] == "node":
        yield from ([user, *parts[1:]] for user in _PHOTONIC_USERS)
    else:
        bound = "unknown path" + suggestion(parts[0], ["fibre", "node", "length_m"])
        raise InvalidInputError([Fault(path, "", bound + ", of a photonic link")])


def _relayed(data: Mapping[str, Any], user: str) -> bool:
    """Tells whether light goes through the fibre of a user's relay."""
    relay_in_use = data[user].get("herald") == "relay" and data[user].get("relay") is not None
    return relay_in_use and data["fibres"].get(f"{user}_relay") is not None


def _length_groups(leaves: Sequence[str]) -> Iterator[list[str]]:
    """Yields the channels whose lengths have one sum: those of photons, then classical ones."""
    classical = [leaf for leaf in leaves if leaf.startswith("classical.")]
    yield [leaf for leaf in leaves if leaf not in classical]
    if classical:
        yield classical


def _matches(
    place: Any, parts: _Parts, model: type[BaseModel], done: tuple[str, ...], several: bool
) -> Iterator[tuple[str, ...] | Fault]:
    """Yields the parameters that a path in the file names, or why it leads nowhere.

    A path that names several parameters leaves out parts whose table is absent; else it is made.
    """
    part, rest = parts[0], parts[1:]
    if isinstance(place, list):
        known = [str(index) for index in range(len(place))]
    else:
        known = list(dict.fromkeys([*keys_at(model, done), *(place or {})]))
    if part == "*":
        tables = [key for key in known if isinstance(_at(place, [key]), dict | list)]
        if not rest:
            yield Fault(dotted((*done, part)), "", "must end with the name of a parameter")
        elif not tables:
            yield Fault(dotted((*done, part)), "", "matches nothing here")
        for key in tables if rest else ():
            yield from _matches(_at(place, [key]), rest, model, (*done, key), several)
    elif part not in known:
        where = f"'{dotted(done)}' has no '{part}'" if done else f"no '{part}' at the top"
        yield Fault(dotted((*done, part)), "", f"unknown path: {where}{suggestion(part, known)}")
    elif not rest:
        yield (*done, part)
    else:
        inner = _at(place, [part])
        where = dotted((*done, part))
        if isinstance(inner, dict | list) or (inner is None and not several):
            yield from _matches(inner, rest, model, (*done, part), several)
        else:
            yield Fault(where, "", f"'{where}' is {'absent' if inner is None else 'no table'}")


# --- what a model says of them --------------------------------------------------------------------


def _places_in(model: type[BaseModel], path: str) -> Iterator[_Parts]:
    """Yields where a model may describe a parameter; names that files choose are ``*``."""
    parts = path.split(".")
    if parts[0] != "link" or len(parts) < 2:
        yield parts
        if parts[0] == "*":
            yield from ([name, *parts[1:]] for name in model.model_fields)
        if parts[:2] == ["fibres", "*"]:
            yield ["fibres", "alice", *parts[2:]]
        return
    kind, rest = parts[1], parts[2:]
    if path == LENGTH:
        yield from (["fibres", name, "length_m"] for name in ("*", "alice"))
    elif kind in _ROUTES:
        yield from ([_ROUTES[kind], name, *rest] for name in ("*", "alice"))
    elif kind in ("node", "station"):
        yield [f"{kind}s", "*", *rest]
        yield ["alice", *rest]
    else:
        yield ["links", "*", *parts[1:]]


def _metadata(annotation: Any) -> list[Any]:
    """Returns what annotates the part of an optional type that is not ``None``."""
    return [
        note
        for part in get_args(annotation)
        if get_origin(part) is Annotated
        for note in get_args(part)[1:]
    ]


def _bounds(metadata: Sequence[Any]) -> tuple[float | None, float | None]:
    """Returns the least and the greatest value that validators made by ``spec.within`` let in."""
    for note in metadata:
        function = getattr(note, "func", None)
        if inspect.isfunction(function):
            held = inspect.getclosurevars(function).nonlocals
            if "low" in held and "high" in held:
                return held["low"], held["high"]
    return None, None


def _is_words(annotation: Any) -> bool:
    """Tells whether a type is one of some words."""
    words = get_args(annotation)
    return bool(words) and all(isinstance(word, str) for word in words)
