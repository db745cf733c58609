"""Plays the pulses of an all-photonic link: counts, rounds, heralds or each pulse; one law.

All resolutions hold no more than a chunk of pulses at a time, so memory does not grow with them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.physics.pair_bell_test import (
    count_rounds,
    draw_counts,
    draw_rounds,
    drawn_settings,
    held_settings,
)
from qnetsim.protocols.pulse_law import PulseLaw
from qnetsim.rng import Streams

Counts = NDArray[np.int64]
Resolution = Literal["counts", "rounds", "herald", "attempt"]
Report = Callable[[int, int], bool]
"""Called with the pulses and the rounds so far; returns whether to go on."""

_CHUNK = 1 << 18
_HERALDS = 1 << 14
_SEGMENT = 1 << 46
"""Pulses within which gaps between heralds are added up: chunks of them stay inside 64 bits."""


class Plan(NamedTuple):
    """What to play.

    Attributes:
        resolution: ``counts`` draws how often each outcome came, ``rounds`` each pulse of a link
            without a herald; ``herald`` skips the pulses that fail, ``attempt`` draws each.
        pulses: how many at most.
        rounds: how many heralds at most, or ``None``.
        block: pulses for which each pair of settings is held in turn, without a herald; or
            ``None``, and settings are drawn.
    """

    resolution: Resolution
    pulses: int
    rounds: int | None = None
    block: int | None = None


class Tally(NamedTuple):
    """What was played.

    Attributes:
        counts: how often each outcome came, of the shape of the law's table.
        pulses: how many were played.
        complete: whether the plan was.
    """

    counts: Counts
    pulses: int
    complete: bool


def play(law: PulseLaw, plan: Plan, streams: Streams, report: Report | None = None) -> Tally:
    """Plays pulses and returns how often each outcome came.

    Args:
        law: of one pulse.
        plan: what to play.
        streams: where the random numbers come from.
        report: called after every chunk; a play that it ends is not complete.
    """
    counts = np.zeros(law.table.shape, dtype=np.int64)
    pulses = rounds = 0
    complete = True
    for part, played in _chunks(law, plan, streams):
        counts += part
        pulses += played
        if report is not None:
            rounds += int(part.sum())
            if not report(pulses, rounds):
                complete = _done(plan, pulses, rounds)
                break
    return Tally(counts, pulses, complete)


def _done(plan: Plan, pulses: int, rounds: int) -> bool:
    return pulses == plan.pulses or rounds == plan.rounds


def _chunks(law: PulseLaw, plan: Plan, streams: Streams) -> Iterator[tuple[Counts, int]]:
    """Yields the outcomes of consecutive pulses, and how many pulses they were."""
    if plan.resolution == "counts":
        return _counts(law, plan, streams)
    if plan.resolution == "rounds":
        return _rounds(law, plan, streams)
    gaps = _skipped if plan.resolution == "herald" else _each
    return _heralds(law, plan, gaps, streams)


# --- without a herald ----------------------------------------------------------------------------


def _counts(law: PulseLaw, plan: Plan, streams: Streams) -> Iterator[tuple[Counts, int]]:
    settings = law.table.shape[:2]
    cells = math.prod(settings)
    if plan.block is None:
        inputs = streams.generator("users.inputs")
        rounds = inputs.multinomial(plan.pulses, np.full(cells, 1 / cells)).reshape(settings)
    else:
        rounds = np.full(settings, plan.block)
    drawn = draw_counts(law.rounds, rounds, streams.generator("users.outcomes"))
    yield drawn[:, :, None, None], int(rounds.sum())


def _rounds(law: PulseLaw, plan: Plan, streams: Streams) -> Iterator[tuple[Counts, int]]:
    table = law.rounds
    settings = table.shape[0], table.shape[1]
    if plan.block is None:
        parties = streams.generator("alice.inputs"), streams.generator("bob.inputs")
        inputs = drawn_settings(settings, plan.pulses, parties, _CHUNK)
    else:
        inputs = held_settings([(x, y, plan.block) for x, y in np.ndindex(settings)], _CHUNK)
    for chunk in draw_rounds(table, inputs, streams.generator("users.outcomes")):
        yield count_rounds(chunk, settings)[:, :, None, None], len(chunk.a)


# --- heralded pulses -----------------------------------------------------------------------------

Gaps = Callable[[float, int, np.random.Generator], tuple[NDArray[np.int64], int]]
"""Returns which of the next pulses herald, counted from 1, and how many pulses that decides."""


def _skipped(chance: float, most: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    span = min(most, _SEGMENT)
    if not chance:
        return np.zeros(0, dtype=np.int64), span
    gaps = rng.geometric(chance, min(_HERALDS, 16 + int(2 * chance * span)))
    numbers = np.cumsum(np.minimum(gaps, span + 1))
    inside = numbers[numbers <= span]
    return inside, span if len(inside) < len(numbers) else int(numbers[-1])


def _each(chance: float, most: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], int]:
    span = min(most, _CHUNK)
    return np.flatnonzero(rng.random(span) < chance) + 1, span


def _heralds(
    law: PulseLaw, plan: Plan, gaps: Gaps, streams: Streams
) -> Iterator[tuple[Counts, int]]:
    outcomes = _Outcomes(law, streams)
    pulses = streams.generator("source.pulses")
    left, wanted = plan.pulses, plan.rounds
    while left and wanted != 0:
        numbers, played = gaps(outcomes.chance, left, pulses)
        if wanted is not None:
            if len(numbers) >= wanted:
                numbers, played = numbers[:wanted], int(numbers[wanted - 1])
            wanted -= len(numbers)
        left -= played
        yield outcomes.draw(len(numbers)), played


class _Outcomes:
    """Draws settings and what follows from them, for many rounds at once."""

    def __init__(self, law: PulseLaw, streams: Streams) -> None:
        self._shape = law.table.shape
        self._sums = law.table.reshape(*self._shape[:2], -1).cumsum(axis=-1)
        self.chance = min(law.herald_probability, 1.0)
        self._inputs = [streams.generator(f"{user}.inputs") for user in ("alice", "bob")]
        self._outcomes = streams.generator("users.outcomes")

    def draw(self, rounds: int) -> Counts:
        """Returns how often each outcome came in so many rounds, in the law's shape."""
        if not rounds:
            return np.zeros(self._shape, dtype=np.int64)
        x, y = (
            rng.integers(n, size=rounds)
            for rng, n in zip(self._inputs, self._shape[:2], strict=True)
        )
        chances = self._outcomes.random(rounds)
        settings, cells = self._shape[1] * x + y, math.prod(self._shape[2:])
        counts = np.zeros((self._shape[0] * self._shape[1], cells), dtype=np.int64)
        for setting, sums in enumerate(self._sums.reshape(len(counts), cells)):
            drawn = chances[settings == setting]
            # The last sum is the chance of a herald up to rounding: no draw may lie beyond it.
            cell = np.searchsorted(sums[:-1] / sums[-1], drawn, side="right")
            counts[setting] = np.bincount(cell, minlength=cells)
        return counts.reshape(self._shape)
