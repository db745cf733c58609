"""The store of a study's rows: a file of lines that only ever grows.

The first line names the format and the version of qnetsim, lines of studies say what was asked,
and each other line is a row, whose key is the task's id and the block's number.
``docs/reference/store.md`` has it line by line.
"""

from __future__ import annotations

import errno
import json
import os
import re
import weakref
from array import array
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pydantic_core import from_json

import qnetsim
from qnetsim.errors import Fault, InvalidInputError

FORMAT = 1
Row = dict[str, Any]

_STUDY = b'{"study":'
_LONGEST_HEADER = 1000
_EDITED = "it was edited, or is damaged"
ROW = re.compile(
    rb'\{"block":(?:0|[1-9][0-9]{0,17}),"(?:counts":\{[ -~]*\}|error":"[ -~]*"),'
    rb'"id":"([0-9a-f]{64})","seed":(?:0|[1-9][0-9]{0,19})\}\n'
)
"""A row's line, of which the group is its task's id."""


def line_of(data: Mapping[str, Any]) -> bytes:
    """Returns a line of a store: what is equal has equal bytes.

    Args:
        data: what JSON can hold, without infinities.

    Raises:
        ValueError: it holds a number that JSON cannot.
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode("ascii")


def header() -> bytes:
    """Returns the first line of a store that this version writes."""
    return line_of({"qnetsim_store": FORMAT, "version": qnetsim.__version__})


def study_line(definition: Mapping[str, Any]) -> bytes:
    """Returns the line of a study.

    Args:
        definition: what ``Study.definition`` returns.
    """
    return line_of({"study": definition})


class Found(NamedTuple):
    """A row as it stands in a store.

    Attributes:
        block: its number.
        line: its bytes.
    """

    block: int
    line: bytes


class Contents:
    """What a store holds: rows stay in the file, and are found by their task's id.

    A row takes 16 bytes here, and a task some 200. The file stays open for as long as this is kept.

    Args:
        name: the file.

    Attributes:
        name: the file.
        version: of qnetsim, that wrote it; empty where the store is.
        study_lines: the distinct lines of its studies, in the file's order.
        size_bytes: of all whole lines.
        torn_bytes: what stands behind them: the beginning of a line that was never finished.

    Raises:
        InvalidInputError: it is no store, is damaged, or was written by another version.
        OSError: it cannot be read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._fd = os.open(name, os.O_RDONLY)
        weakref.finalize(self, os.close, self._fd)
        self.reopen()
        self._offsets, self._before = array("q"), array("q")
        self._last: dict[bytes, int] = {}
        self.version = ""
        self.study_lines: list[bytes] = []
        self.size_bytes = self.torn_bytes = 0
        first = self._file.readline(_LONGEST_HEADER)  # a file of another kind may have no lines
        for number, line in enumerate(chain([first] if first else [], self._file), 1):
            if not line.endswith(b"\n"):
                self.torn_bytes = len(line)
                self._check_torn(line, number)
                break
            if match := ROW.fullmatch(line) if number > 1 else None:
                self.add(bytes.fromhex(match[1].decode()), self.size_bytes)
            else:
                self._take(line, number)
            self.size_bytes += len(line)

    def reopen(self) -> None:
        """Forgets what was read ahead, after the file was cut."""
        self._file: BinaryIO = open(self._fd, "rb", closefd=False)  # noqa: SIM115

    @property
    def count(self) -> int:
        """How many rows it has, each time that it has them."""
        return len(self._offsets)

    @property
    def studies(self) -> list[dict[str, Any]]:
        """The definitions of its studies, for ``Study.from_definition``."""
        return [json.loads(line)["study"] for line in self.study_lines]

    @property
    def notice(self) -> str | None:
        """What a reader should be told, if anything."""
        if not self.torn_bytes:
            return None
        return f"{self.name}: the last line is torn, and left out ({self.torn_bytes} bytes)"

    @property
    def rows(self) -> Iterator[Row]:
        """All rows: task by task as they first appear, block by block, each key once."""
        for key in self._last:
            yield from self.rows_of(key.hex())

    def ids(self) -> Iterator[str]:
        """Yields the ids of all tasks that have a row."""
        return (key.hex() for key in self._last)

    def rows_of(self, strong_id: str) -> list[Row]:
        """Returns a task's rows in the order of their blocks.

        Raises:
            InvalidInputError: two rows have one key and differ, or one is damaged.
        """
        return [row_of(found.line, self.name) for found in self.found(strong_id)]

    def found(self, strong_id: str) -> list[Found]:
        """Returns a task's rows as they stand in the file, in the order of their blocks.

        Raises:
            InvalidInputError: two rows have one key and differ.
        """
        lines: dict[int, bytes] = {}
        place = self._last.get(bytes.fromhex(strong_id), -1)
        while place >= 0:
            self._file.seek(self._offsets[place])
            line = self._file.readline()
            block = block_of(line)
            if lines.setdefault(block, line) != line:
                raise conflict(self.name, strong_id, block)
            place = self._before[place]
        return [Found(block, lines[block]) for block in sorted(lines)]

    def add(self, key: bytes, offset: int) -> None:
        """Takes note of a row.

        Args:
            key: the task's id as 32 bytes.
            offset: where the row's line begins.
        """
        self._before.append(self._last.get(key, -1))
        self._last[key] = len(self._offsets)
        self._offsets.append(offset)

    def _take(self, line: bytes, number: int) -> None:
        """Takes a line that is no row."""
        if number == 1:
            self.version = self._version(line)
        elif line.startswith(_STUDY):
            if line not in self.study_lines:
                self._check_study(line, number)
                self.study_lines.append(line)
        elif line != header():
            raise self._fault(number, f"is no line of a store: {_EDITED}")

    def _version(self, line: bytes) -> str:
        try:
            head = json.loads(line)
            written, version = head["qnetsim_store"], head["version"]
        except (ValueError, TypeError, KeyError, RecursionError):
            raise self._fault(1, "is no store of qnetsim's") from None
        if written != FORMAT:
            raise self._fault(1, f"is format {written!r} of stores; this qnetsim reads {FORMAT}")
        if version != qnetsim.__version__:
            raise self._fault(
                1,
                f"was written by qnetsim {version}, and this is {qnetsim.__version__}, whose rows "
                "may differ: go on with that version, or in another store",
            )
        if line != header():
            raise self._fault(1, f"is not as qnetsim wrote it: {_EDITED}")
        return str(version)

    def _check_study(self, line: bytes, number: int) -> None:
        try:
            definition = json.loads(line)["study"]
            whole = isinstance(definition, dict) and line == study_line(definition)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise self._fault(number, f"is no line of a study: {_EDITED}")

    def _check_torn(self, line: bytes, number: int) -> None:
        """Raises where a file's only line is no beginning of a store."""
        if number == 1 and not header().startswith(line):
            raise self._fault(1, "is no store of qnetsim's")

    def _fault(self, number: int, bound: str) -> InvalidInputError:
        place = self.name if number == 1 else f"{self.name}, line {number}"
        return InvalidInputError([Fault(place, "", bound)])


def block_of(line: bytes) -> int:
    """Returns the number of a row's block, which its line begins with."""
    return int(line[len('{"block":') : line.index(b",")])


def row_of(line: bytes, name: str) -> Row:
    """Returns a row.

    Args:
        line: what ``ROW`` matches.
        name: of its store, for messages.

    Raises:
        InvalidInputError: it is damaged.
    """
    row: Row
    try:
        try:
            row = from_json(line)
        except ValueError:  # halves of surrogate pairs, which an error's text can hold
            row = json.loads(line)
    except (ValueError, RecursionError):
        place = f"a row of block {block_of(line)}"
        raise InvalidInputError([Fault(name, place, f"is no JSON: {_EDITED}")]) from None
    return row


def conflict(name: str, strong_id: str, block: int) -> InvalidInputError:
    """Returns what to raise where two rows have one key and differ."""
    bound = "was stored twice and differs: one of the two is not what this version computes"
    return InvalidInputError([Fault(name, f"id {strong_id}, block {block}", bound)])


def read_store(path: str | os.PathLike[str]) -> Contents:
    """Returns what a store holds; it stays open for as long as that is kept.

    Args:
        path: the file.

    Raises:
        InvalidInputError: it cannot be read, is no store, or was written by another version.
    """
    name = str(path)
    try:
        check_regular(name)
        contents = Contents(name)
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
        raise InvalidInputError([Fault(name, "", bound)]) from None
    if not contents.version:
        raise InvalidInputError([Fault(name, "", "is empty, and no store of qnetsim's")])
    return contents


def check_regular(name: str) -> None:
    """Raises OSError for a folder, a terminal, a pipe, without opening it."""
    path = Path(name)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")
