"""The exceptions that qnetsim raises on purpose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class QnetsimError(Exception):
    """The root of qnetsim's exceptions."""


class Fault(NamedTuple):
    """One thing that is wrong with an input.

    Attributes:
        path: where it stands, e.g. ``nodes.alice.t2_s``.
        value: what stands there, as the user would write it; empty where nothing stands.
        bound: what must hold instead.
    """

    path: str
    value: str
    bound: str

    def __str__(self) -> str:
        """Returns the fault in one line, whatever characters the file's keys hold."""
        head = f"{self.path} = {self.value}" if self.value else self.path
        line = f"{head}: {self.bound}"
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


class InvalidInputError(QnetsimError, ValueError):
    """An input is wrong; lists every fault with its path, value and bound."""

    def __init__(self, faults: Iterable[Fault], source: str = "") -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        self.source = source
        lines = [str(fault) for fault in self.faults]
        if source:
            count = "1 fault" if len(lines) == 1 else f"{len(lines)} faults"
            lines = [f"{source}: {count}", *(f"  {line}" for line in lines)]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[type[InvalidInputError], tuple[tuple[Fault, ...], str]]:
        """Lets it cross to another process."""
        return type(self), (self.faults, self.source)


class SimulationError(QnetsimError, RuntimeError):
    """A simulation was asked for something it cannot do."""


class CollectionError(QnetsimError, RuntimeError):
    """Rows of a study cannot be collected further; what is stored stays and can be gone on with."""
