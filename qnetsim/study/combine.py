"""Merges stores: the union of their rows, each once, in canonical order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.study.statistics import Ending
from qnetsim.study.store import Contents, Found, conflict, header, read_store, row_of
from qnetsim.study.study import Study


class Combined(NamedTuple):
    """The union of some stores.

    Attributes:
        notices: what a reader should be told of them.
        lines: a store's, to be read once.
    """

    notices: list[str]
    lines: Iterator[bytes]


class _Blocks(NamedTuple):
    """A task's blocks from the first up to, and without, the last."""

    strong_id: str
    first: int
    last: int


def combine(paths: Sequence[str | os.PathLike[str]]) -> Combined:
    """Returns the union of stores.

    First the header, then the studies in the order of their bytes, then the rows in the order of
    the studies' tasks and of blocks. Blocks beyond the one that ends a point are left out, unless
    another of the studies wants them. Those behind a gap stay: what fills it may stand elsewhere.

    Args:
        paths: the stores.

    Raises:
        InvalidInputError: one cannot be read, is no store or another version's; two rows have one
            key and differ; a row belongs to no study.
    """
    stores = [read_store(path) for path in paths]
    named = {line: study for store in stores for line, study in _studies(store)}
    lines = sorted(named)
    plan = _plan(stores, [named[line] for line in lines])
    notices = dict.fromkeys(store.notice for store in stores if store.notice)
    return Combined(list(notices), _written(stores, [header(), *lines], plan))


def _studies(store: Contents) -> Iterator[tuple[bytes, Study]]:
    """Yields a store's studies after their lines."""
    for line, definition in zip(store.study_lines, store.studies, strict=True):
        try:
            yield line, Study.from_definition(definition)
        except InvalidInputError as error:
            raise InvalidInputError(error.faults, f"{store.name}, a study") from None


def _plan(stores: Sequence[Contents], studies: Sequence[Study]) -> list[_Blocks]:
    """Returns which blocks the studies want, in the order in which they are written."""
    plan = []
    names = " or ".join(store.name for store in stores)
    wanted: dict[str, int] = {}
    for study in studies:
        for task in study.tasks():
            if not (found := _found(stores, task.strong_id)):
                continue
            before, last = wanted.get(task.strong_id, 0), _wanted(found, study, names)
            if last > before:
                plan.append(_Blocks(task.strong_id, before, last))
                wanted[task.strong_id] = last
    for store in stores:
        for strong_id in store.ids():
            if strong_id not in wanted:
                raise InvalidInputError([Fault(store.name, f"id {strong_id}", "is in no study")])
    return plan


def _wanted(found: Sequence[Found], study: Study, names: str) -> int:
    """Returns the number behind the last block that a study wants."""
    ending = Ending(study.repeats, study.stop)
    for number, row in enumerate(found):
        if row.block != number:
            break
        if ending.add(row_of(row.line, names)):
            return number + 1
    return found[-1].block + 1


def _found(stores: Sequence[Contents], strong_id: str) -> list[Found]:
    """Returns a task's rows in all stores, in the order of their blocks, each once."""
    if len(stores) == 1:
        return stores[0].found(strong_id)
    lines: dict[int, bytes] = {}
    for store in stores:
        for block, line in store.found(strong_id):
            if lines.setdefault(block, line) != line:
                raise conflict(store.name, strong_id, block)
    return [Found(block, lines[block]) for block in sorted(lines)]


def _written(
    stores: Sequence[Contents], head: Sequence[bytes], plan: Sequence[_Blocks]
) -> Iterator[bytes]:
    yield from head
    for strong_id, first, last in plan:
        for block, line in _found(stores, strong_id):
            if first <= block < last:
                yield line
