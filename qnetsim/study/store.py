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
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import qnetsim
from qnetsim.errors import CollectionError, Fault, InvalidInputError

if TYPE_CHECKING:
    from qnetsim.study.study import Study

FORMAT = 1
Row = dict[str, Any]

_STUDY = b'{"study":'
_ROW = re.compile(
    rb'\{"block":(?:0|[1-9][0-9]{0,17}),"(?:counts":\{.*\}|error":".*"),'
    rb'"id":"([0-9a-f]{64})","seed":(?:0|[1-9][0-9]{0,19})\}\n'
)


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
        for number, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                self.torn_bytes = len(line)
                self._check_torn(line, number)
                break
            if match := _ROW.fullmatch(line) if number > 1 else None:
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
            InvalidInputError: two rows have one key and differ.
        """
        return [json.loads(found.line) for found in self.found(strong_id)]

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
            raise self._fault(number, "is no line of a store: it was edited, or is damaged")

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
        return str(version)

    def _check_study(self, line: bytes, number: int) -> None:
        try:
            whole = isinstance(json.loads(line)["study"], dict)
        except (ValueError, RecursionError):
            whole = False
        if not whole:
            raise self._fault(number, "is no line of a study: it was edited, or is damaged")

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
        _check_regular(name)
        contents = Contents(name)
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
        raise InvalidInputError([Fault(name, "", bound)]) from None
    if not contents.version:
        raise InvalidInputError([Fault(name, "", "is empty, and no store of qnetsim's")])
    return contents


class Store:
    """A store that one collector appends to; made where there is none.

    A context manager: it is locked against other collectors until it is closed or its process
    dies. A torn last line is cut off.

    Args:
        path: the file.
        study: what rows are collected for; its line is added where it is not there yet.

    Attributes:
        notice: what was found wrong and mended, or ``None``.

    Raises:
        InvalidInputError: it cannot be written or locked, is no store, or another version's;
            nothing of it is changed.
        CollectionError: there is no room for it.
    """

    def __init__(self, path: str | os.PathLike[str], study: Study) -> None:
        self._name = str(path)
        self._fd = _opened(self._name)
        try:
            _lock(self._fd, self._name)
            self._contents = Contents(self._name)
            self._size = self._contents.size_bytes
            self.notice = self._contents.notice
            if self.notice:
                self._cut()
                self._contents.reopen()
            self._begin(study)
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            os.close(self._fd)

    def done(self, strong_id: str) -> list[Row]:
        """Returns a task's rows so far, in the order of their blocks.

        Raises:
            InvalidInputError: two rows have one key and differ.
        """
        return self._contents.rows_of(strong_id)

    def append(self, line: bytes) -> Row:
        """Adds a row, whole or not at all, and returns it.

        Args:
            line: what ``line_of`` makes of it.

        Raises:
            CollectionError: it cannot be written; the rows before it are kept.
        """
        row: Row = json.loads(line)
        offset = self._size
        self._write(line)
        self._contents.add(bytes.fromhex(row["id"]), offset)
        return row

    def flush(self) -> None:
        """Waits until what was appended would survive a power cut.

        Raises:
            CollectionError: the disk did not take it.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise self._failure(error) from None

    def _begin(self, study: Study) -> None:
        line = study_line(study.definition())
        head = b"" if self._size else header()
        if line not in self._contents.study_lines:
            self._write(head + line)

    def _write(self, line: bytes) -> None:
        written = 0
        try:
            while written < len(line):
                written += os.write(self._fd, line[written:])
        except BaseException as error:
            self._cut()
            if isinstance(error, OSError):
                raise self._failure(error) from None
            raise
        self._size += len(line)

    def _cut(self) -> None:
        """Cuts off what stands behind the last whole line; if not now, the next opening does."""
        with suppress(OSError):
            os.ftruncate(self._fd, self._size)

    def _failure(self, error: OSError) -> CollectionError:
        return CollectionError(
            f"{self._name}: cannot be written: {error.strerror or error}. "
            "The rows before are kept; the same command goes on from there"
        )


def _opened(name: str) -> int:
    """Returns a regular file opened for appending.

    Raises:
        InvalidInputError: it cannot be; nothing is changed.
        CollectionError: there is no room for it.
    """
    try:
        _check_regular(name)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CollectionError(f"{name}: cannot be written: {error.strerror}") from None
        bound = f"cannot be written: {error.strerror or error}"
        raise InvalidInputError([Fault(name, "", bound)]) from None


def _check_regular(name: str) -> None:
    """Raises OSError for a folder, a terminal, a pipe, without opening it."""
    path = Path(name)
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file")


def _lock(fd: int, name: str) -> None:
    """Keeps other collectors out until the file is closed or the process dies, however it does.

    Raises:
        InvalidInputError: another one is in, or the file system has no locks.
    """
    import fcntl  # not on Windows, where a store can be read and not written

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        bound = "another collector is at work on it: wait for that, or collect in another store"
    except OSError as error:
        bound = f"cannot be locked: {error.strerror or error}; collect on another file system"
    else:
        return
    raise InvalidInputError([Fault(name, "", bound)])
