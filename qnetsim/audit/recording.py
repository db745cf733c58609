"""What a trace file says of a run, as far as an audit needs it; times in whole ns, as it has them.

A file may come from another version, be cut or edited. What is missing is missing here too; what
contradicts itself is refused.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.protocols.diqkd import Isolation
from qnetsim.spec import NonNegative, faults_of, shown

_NS_PER_US = 1000
_LATEST_US = 1e15
_GZIP_MAGIC = b"\x1f\x8b"
_INSTANTS = ("choice", "outcome")
_SHUT = {"herald", *_INSTANTS, "readout", "shutter", "emptying", "waiting", "recalibrating"}
"""What a node does without light to or from its channel; anything else reopens it."""


class _Known(BaseModel):
    """What an audit knows of a part of a trace's head; the rest is not its business."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)


class Trap(_Known):
    """A trap as the trace describes it."""

    emptying_s: NonNegative = 0.0


class Readout(_Known):
    """A readout as the trace describes it."""

    destructive: bool


class Node(_Known):
    """A node as the trace describes it."""

    slots: int = 1
    shutter_s: NonNegative
    readout: Readout
    trap: Trap | None = None

    @property
    def emptying_s(self) -> float:
        """How long the node clears its trap after each round, in s; 0 where it does not."""
        return self.trap.emptying_s if self.trap and self.readout.destructive else 0.0


class Party(_Known):
    """A party as the trace describes it."""

    node: str


class Protocol(_Known):
    """A protocol as the trace describes it: of parties with memories, or of pulses of light."""

    parties: Annotated[list[Party], Field(min_length=2, max_length=2)] | None = None
    settings: Literal["drawn", "in-turn"] | None = None
    isolation: Isolation | None = None


class About(_Known):
    """What a trace says of its run; ``None`` where it does not."""

    scenario: str | None = None
    seed: int | None = None
    sim_time_s: NonNegative | None = None
    rounds: int | None = None
    heralded: bool = True
    protocol: Protocol | None = None
    nodes: dict[str, Node] = {}


class Interval(NamedTuple):
    """From when to when something took, in ns."""

    start: int
    end: int


class Track:
    """What happened at one node; times in ns.

    Attributes:
        heralds: by number, from the station's decision to the node's hearing of it.
        instants: when a setting was drawn (``choice``) and an ``outcome`` known, by number.
        spans: when the ``shutter`` closed and the trap was cleared (``emptying``), in order.
        openings: when the node began what needs light to or from its channel, in order.
    """

    def __init__(self) -> None:
        self.heralds: dict[int, Interval] = {}
        self.instants: dict[str, dict[int, int]] = {name: {} for name in _INSTANTS}
        self.spans: dict[str, list[Interval]] = {"shutter": [], "emptying": []}
        self.openings: list[int] = []


class Recording(NamedTuple):
    """What a trace file holds.

    Attributes:
        about: what it says of its run.
        tracks: what happened at each node, by the node's name.
    """

    about: About
    tracks: dict[str, Track]


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """Reads a trace file, compressed or not.

    Args:
        path: of a file that ``qnetsim run --trace`` wrote.

    Raises:
        InvalidInputError: it cannot be read, is no trace, or contradicts itself.
    """
    data = _parsed(path)
    try:
        events = data.get("traceEvents") if isinstance(data, dict) else None
        if not isinstance(events, list):
            raise _AmissError("traceEvents", "", "is missing: this is no trace of qnetsim")
        return Recording(_about(data.get("otherData", {})), _tracks(events))
    except _AmissError as amiss:
        raise InvalidInputError([amiss.fault], str(path)) from None
    except ValidationError as error:
        faults = [
            fault._replace(path=f"otherData.{fault.path}") for fault in faults_of(error, About)
        ]
        raise InvalidInputError(faults, str(path)) from None


class _AmissError(Exception):
    """Something in a trace that no run could have written."""

    def __init__(self, path: str, value: str, bound: str) -> None:
        super().__init__(path)
        self.fault = Fault(path, value, bound)


def _parsed(path: str | os.PathLike[str]) -> Any:
    try:
        data = Path(path).read_bytes()
        if data.startswith(_GZIP_MAGIC):
            data = gzip.decompress(data)
        return json.loads(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        bound = f"is damaged or cut short: {error}"
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError) as error:
        bound = f"is not JSON: {error}"
    raise InvalidInputError([Fault(str(path), "", bound)])


def _about(head: Any) -> About:
    about = About.model_validate(head)
    if about.rounds is not None and about.rounds < 0:
        raise _AmissError("otherData.rounds", shown(about.rounds), "must be 0 or more")
    for name, node in about.nodes.items():
        if node.slots > 1:
            bound = "must be 1: a shutter and a trap are checked for nodes of one slot only"
            raise _AmissError(f"otherData.nodes.{name}.slots", str(node.slots), bound)
    return about


def _tracks(events: list[Any]) -> dict[str, Track]:
    """Returns what happened at each node."""
    names = dict(_track_names(events))
    tracks = {name: Track() for name in names.values()}
    for index, event in enumerate(events):
        if event.get("ph") != "X":
            continue
        path = f"traceEvents.{index}"
        name, tid = event.get("name"), event.get("tid")
        if not isinstance(name, str):
            raise _AmissError(f"{path}.name", shown(name), "must be a text")
        if not _whole(tid) or tid not in names:
            raise _AmissError(f"{path}.tid", shown(tid), "no thread_name says whose track this is")
        start = _ns(event, "ts", path)
        interval = Interval(start, start + _ns(event, "dur", path))
        _note(tracks[names[tid]], name, interval, event, path)
    for track in tracks.values():
        track.openings.sort()
        for spans in track.spans.values():
            spans.sort()
    return tracks


def _track_names(events: list[Any]) -> Iterator[tuple[int, str]]:
    """Yields the number and the name of each track."""
    known: set[int | str] = set()
    for index, event in enumerate(events):
        path = f"traceEvents.{index}"
        if not isinstance(event, dict):
            raise _AmissError(path, shown(event), "must be a table")
        if event.get("ph") != "M" or event.get("name") != "thread_name":
            continue
        tid, arguments = event.get("tid"), event.get("args")
        name = arguments.get("name") if isinstance(arguments, dict) else None
        if not _whole(tid) or not isinstance(name, str):
            raise _AmissError(path, shown(event), "must have a tid and args.name")
        if {tid, name} & known:
            raise _AmissError(path, shown(event), "another track has this number or name")
        known |= {tid, name}
        yield tid, name


def _note(track: Track, name: str, interval: Interval, event: Mapping[str, Any], path: str) -> None:
    """Notes an event of a track."""
    if name == "herald":
        track.heralds[_number(event, name, track.heralds, path)] = interval
    elif name in _INSTANTS:
        instants = track.instants[name]
        instants[_number(event, name, instants, path)] = interval.end
    elif name in track.spans:
        track.spans[name].append(interval)
    elif name not in _SHUT:
        track.openings.append(interval.start)


def _number(event: Mapping[str, Any], name: str, known: Mapping[int, Any], path: str) -> int:
    """Returns of which herald an event speaks, which must be the only such event on its track."""
    arguments = event.get("args")
    number = arguments.get("number") if isinstance(arguments, dict) else None
    if not _whole(number) or number < 0:
        bound = "must be a whole number, 0 or more"
    elif number in known:
        bound = f"another {name} on this track has this number"
    else:
        return number
    raise _AmissError(f"{path}.args.number", shown(number), bound)


def _ns(event: Mapping[str, Any], key: str, path: str) -> int:
    """Returns a time of an event in ns."""
    value = event.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _AmissError(f"{path}.{key}", shown(value), "must be a number")
    if not 0 <= value <= _LATEST_US:
        raise _AmissError(f"{path}.{key}", shown(value), f"must lie in [0, {_LATEST_US:g}]")
    return round(value * _NS_PER_US)


def _whole(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
