"""Adds rows to a store: one collector at a time, each line whole or not at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from qnetsim.errors import CollectionError, Fault, InvalidInputError
from qnetsim.study.store import ROW, Contents, Row, check_regular, header, row_of, study_line

if TYPE_CHECKING:
    from qnetsim.study.study import Study

_SHOWN = 100
_held: set[int] = set()
"""Stores that this process has open."""


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
                self._mend()
            self._begin(study)
        except BaseException:
            self._close()
            raise
        _held.add(self._fd)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            self._close()

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
            CollectionError: it is no row, or cannot be written; the rows before it are kept.
        """
        if not (match := ROW.fullmatch(line)):
            told = line[:_SHOWN].decode(errors="replace")
            raise CollectionError(f"{self._name}: what was played is no row of a store: {told}")
        offset = self._size
        self._write(line)
        self._contents.add(bytes.fromhex(match[1].decode()), offset)
        return row_of(line, self._name)

    def flush(self) -> None:
        """Waits until what was appended would survive a power cut.

        Raises:
            CollectionError: the disk did not take it, or the file was deleted.
        """
        try:
            os.fsync(self._fd)
            links = os.fstat(self._fd).st_nlink
        except OSError as error:
            raise self._failure(error) from None
        if not links:
            raise CollectionError(f"{self._name}: was deleted or replaced while rows were added")

    def _mend(self) -> None:
        """Cuts off a torn last line; what cannot lose it cannot be added to."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError as error:
            bound = f"cannot lose its torn last line: {error.strerror or error}"
            raise InvalidInputError([Fault(self._name, "", bound)]) from None
        self._contents.reopen()

    def _close(self) -> None:
        _held.discard(self._fd)
        os.close(self._fd)

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
        check_regular(name)
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CollectionError(f"{name}: cannot be written: {error.strerror}") from None
        bound = f"cannot be written: {error.strerror or error}"
        raise InvalidInputError([Fault(name, "", bound)]) from None


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


def _let_go() -> None:
    """Closes stores in a forked process, which would keep them locked beyond its parent's end."""
    for fd in _held:
        with suppress(OSError):
            os.close(fd)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
