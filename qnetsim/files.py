"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file beside its place and moves it there once it is whole.

    Args:
        path: the file to write; what was there is replaced.
        data: all that it holds.

    Raises:
        OSError: the file cannot be written; what was there is kept.
    """
    target, partial = _places(path)
    try:
        partial.write_bytes(data)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises OSError where ``write_whole`` could not write a file, and leaves none behind."""
    target, partial = _places(path)
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    partial.touch()
    partial.unlink()


def _places(path: str | os.PathLike[str]) -> tuple[Path, Path]:
    """Returns a file, wherever links lead to, and beside it where it grows until it is whole."""
    target = Path(os.path.realpath(path))
    return target, target.with_name(f".{target.name}.partial")
