"""The study file: what it may say, and its axes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from qnetsim.scenario_file import RunSeconds
from qnetsim.spec import Name, PositiveInteger, Spec, Text, described

if TYPE_CHECKING:
    from qnetsim.study.study import Study


class Block(Spec):
    """One unit of work: where a run of a task's scenario ends."""

    duration_s: RunSeconds | None = described("simulated time", default=None)
    max_rounds: PositiveInteger | None = described("rounds", default=None)
    rounds_per_setting: PositiveInteger | None = described(
        "rounds for each pair of settings, where a photonic scenario plays them in turn",
        default=None,
    )


class Stop(Spec):
    """What ends a point before its repeats."""

    heralds: PositiveInteger | None = described("once it has so many heralds", default=None)
    rounds: PositiveInteger | None = described("once it has so many rounds", default=None)
    relative_error: float | None = described(
        "once the herald rate's standard error is that share of it", default=None
    )


class StudyModel(Spec):
    """A study file."""

    name: Name
    title: Text
    source: Text | None = None
    scenarios: list[Text]
    seed: int = 1
    repeats: PositiveInteger = 1
    block: Block
    stop: Stop | None = None
    set: dict[str, Any] = Field(default={})
    axes: list[Any] = Field(default=[])


def load_study(path: str | os.PathLike[str], settings: Iterable[str] = ()) -> Study:
    """Reads a study file and the scenarios that it names.

    Args:
        path: a TOML file.
        settings: changes to it, each ``path.to.key=value``.

    Raises:
        InvalidInputError: a file cannot be read or something is wrong with it; lists every fault.
    """
    raise NotImplementedError
