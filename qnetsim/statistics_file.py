"""Files of observed statistics: probabilities or counts, and how the raw key is made of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator
from pydantic import ValidationError as PydanticError

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.security.behaviour import Behaviour, BehaviourError, nearest_behaviour
from qnetsim.security.hardware import binned
from qnetsim.security.information import FloatArray
from qnetsim.security.npa.problem import RawKey
from qnetsim.security.semidefinite import Observed
from qnetsim.spec import Probability, Spec, described, faults_of, within

MOST_SETTINGS = 4
"""Of either party; the programs grow with the fourth power of their number."""

Setting = Annotated[int, AfterValidator(within(0, MOST_SETTINGS - 1))]
Chance = Annotated[float, AfterValidator(within(0, 1, open_low=True))]
Count = Annotated[int, AfterValidator(within(0, 1e15))]
FlipChance = Annotated[float, AfterValidator(within(0, 0.5))]


class KeyRound(Spec):
    """How the parties make their raw key."""

    alice: Setting = described("Alice's setting in key rounds; her bits are the raw key")
    bob: Setting = described("Bob's")
    flip: FlipChance | None = described("chance that Alice flips a bit", default=None)
    kept_alice: list[Chance] = described(
        "chances that she keeps a key round with outcome +1 and -1", default=[1.0, 1.0]
    )
    kept_bob: list[Chance] = described("the same for Bob", default=[1.0, 1.0])


class StatisticsModel(Spec):
    """What a file of statistics says."""

    probabilities: list[list[list[list[Probability]]]] | None = described(
        "P[x][y][a][b], outcomes +1, -1 and, for Bob, no click", default=None
    )
    counts: list[list[list[list[Count]]]] | None = described(
        "rounds in the same order, instead of probabilities", default=None
    )
    no_click_counts_as: Literal[1, -1] | None = described(
        "Bob's outcome in the test where he has a third one", default=None
    )
    key: KeyRound


def read_statistics(
    path: str | os.PathLike[str], flip: float | None = None, project: bool = False
) -> Observed:
    """Reads a file of statistics.

    Args:
        path: a JSON file with the keys of ``StatisticsModel``.
        flip: chance that Alice flips a raw key bit, where the file gives none.
        project: take counts for the nearest behaviour without signalling.

    Raises:
        InvalidInputError: the file cannot be read, something is wrong with it, or no quantum device
            gives its statistics.
    """
    source = str(path)
    data = _read(path)
    try:
        model = StatisticsModel.model_validate(data)
    except PydanticError as error:
        raise InvalidInputError(faults_of(error, StatisticsModel), source) from None
    faults = _faults(model, flip, project)
    name = "counts" if model.probabilities is None else "probabilities"
    try:
        table = np.array(getattr(model, name), dtype=np.float64)
    except ValueError:
        table = np.empty(0)
    faults = faults or _shape_faults(model, name, table)
    if faults:
        raise InvalidInputError(faults, source)
    try:
        return _observed(model, table, model.key.flip or flip or 0.0)
    except ValueError as error:
        where = name if isinstance(error, BehaviourError) else "key"
        raise InvalidInputError([Fault(where, "", str(error))], source) from None


def _read(path: str | os.PathLike[str]) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
    except (ValueError, RecursionError) as error:
        bound = "is not JSON: " + " ".join(str(error).split())
    raise InvalidInputError([Fault(str(path), "", bound)])


def _faults(model: StatisticsModel, flip: float | None, project: bool) -> list[Fault]:
    faults = []
    if (model.probabilities is None) == (model.counts is None):
        faults.append(Fault("(top)", "", "must hold either probabilities or counts"))
    elif model.counts is not None and not project:
        bound = "finite counts signal by chance: --project takes the behaviour nearest to them"
        faults.append(Fault("counts", "", bound))
    elif model.counts is None and project:
        faults.append(Fault("--project", "", "is for counts, and the file gives probabilities"))
    if flip is not None and model.key.flip is not None:
        faults.append(
            Fault("--flip", f"{flip:g}", f"stands in the file, key.flip = {model.key.flip:g}")
        )
    for name in ("kept_alice", "kept_bob"):
        chances = getattr(model.key, name)
        if len(chances) != 2:
            faults.append(Fault(f"key.{name}", str(chances), "must be two chances, for +1 and -1"))
    return faults


def _shape_faults(model: StatisticsModel, name: str, table: FloatArray) -> list[Fault]:
    shape = table.shape
    if (
        table.ndim != 4
        or not (0 < shape[0] <= MOST_SETTINGS and 0 < shape[1] <= MOST_SETTINGS)
        or shape[2:] not in ((2, 2), (2, 3))
    ):
        bound = (
            f"must be [x][y][a][b] with 1 to {MOST_SETTINGS} settings x and y, 2 outcomes a, and "
            "2 outcomes b or 3, the same everywhere"
        )
        return [Fault(name, f"a list of shape {shape}" if table.ndim == 4 else "", bound)]
    faults = [
        Fault(f"key.{who}", str(getattr(model.key, who)), f"must lie in [0, {size - 1}]")
        for who, size in zip(("alice", "bob"), shape[:2], strict=True)
        if getattr(model.key, who) >= size
    ]
    if (shape[3] == 3) != (model.no_click_counts_as is not None):
        needed = "is missing" if shape[3] == 3 else "is for a third outcome of Bob's"
        faults.append(Fault("no_click_counts_as", "", needed))
    return faults


def _observed(model: StatisticsModel, table: FloatArray, flip: float) -> Observed:
    key, test, kept_bob = model.key, table, list(model.key.kept_bob)
    if model.no_click_counts_as is not None:
        counted = 0 if model.no_click_counts_as == 1 else 1
        test = binned(table, -1, counted)
        kept_bob.append(kept_bob[counted])
        if model.counts is None:
            Behaviour(binned(table, -1, 1 - counted))  # no click must not signal either
    behaviour = Behaviour(test) if model.counts is None else nearest_behaviour(test)
    rounds = np.maximum(table[key.alice, key.bob], 0.0)
    raw = RawKey(key.alice, flip, _pair(key.kept_alice), key.bob, _pair(key.kept_bob))
    return Observed(behaviour, raw, rounds / rounds.sum(), np.array(kept_bob))


def _pair(chances: list[float]) -> tuple[float, float]:
    return chances[0], chances[1]
