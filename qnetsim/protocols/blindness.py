"""Detectors whose dead time outlasts an attempt: how often each set of them is blind.

A click then changes the attempts that follow, so attempts form a Markov chain: its state is, for
each detector, how many of the coming attempts find it blind. Sums over a session's attempts are
series of powers of its matrix, and end in a geometric tail once the distribution keeps its shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from qnetsim.protocols.session import Timing
from qnetsim.units import to_ps, to_seconds

_MOST_STATES = 20_000
_MOST_ATTEMPTS = 10**12
_CONVERGED = 1e-13
_MOST_SESSIONS = 200

Vector = NDArray[np.float64]
_Step = Callable[[Vector], tuple[Vector, Vector, float]]
"""From the distribution before attempts to their sum, the distribution after, and what it lost."""


class ClickLaw(NamedTuple):
    """What an attempt does to detectors, by which of them are blind.

    Attributes:
        chances: for each click set of blind detectors the chances of the click sets.
        heralds: the click sets that herald.
        heard: the chance that both nodes hear of a herald; the session goes on if they don't.
    """

    chances: Mapping[int, Iterable[float]]
    heralds: frozenset[int]
    heard: float = 1.0

    def share(self, clicks: int, *, heralding: bool) -> float:
        """Returns the share of a click set's attempts that end the session, or that do not."""
        ending = self.heard if clicks in self.heralds else 0.0
        return ending if heralding else 1 - ending


class Sessions(NamedTuple):
    """How the sessions of a link end, and how much time lies between them.

    Attributes:
        timing: the link's clockwork.
        loss_per_s: rate at which a particle of either slot is lost.
        pause_s: from the start of an attempt that heralds to that of the next session's first.
        endless: whether attempts go on behind a herald, as those of many lanes do.
    """

    timing: Timing
    loss_per_s: float
    pause_s: float
    endless: bool = False


def remembered_attempts(timing: Timing, dead_time_ps: int) -> int:
    """Returns how many of the attempts that follow a click its detector misses."""
    return max(0, -(-dead_time_ps // timing.period) - 1)


def is_tractable(detectors: int, remembered: int) -> bool:
    """Returns whether so many detectors have a manageable number of states."""
    return math.pow(remembered + 1, detectors) <= _MOST_STATES


class BlindAttempts(NamedTuple):
    """What blind detectors make of the attempts of a session in the steady state.

    Attributes:
        shares: the share of the attempts in which each set of detectors is blind; they sum to 1.
        herald_chances: the chance of a herald in the first, second, ... attempt of a burst that
            comes so far; the last one holds for all later ones. Without bursts it is the mean.
    """

    shares: dict[int, float]
    herald_chances: list[float]


def blind_attempts(
    sessions: Sessions, dead_time_ps: int, detectors: Iterable[int], law: ClickLaw
) -> BlindAttempts:
    """Returns how blind the detectors are in a session's attempts.

    A session that follows a herald begins with what is still blind then; one that follows a loss
    begins with all seeing. A click's dead time is counted in whole attempts behind each pause that
    it outlasts.

    Args:
        sessions: how they end.
        dead_time_ps: of the detectors, from the opening of the window of a click, in ps.
        detectors: the click set of each detector.
        law: what an attempt does.
    """
    if sessions.endless:
        law = law._replace(heralds=frozenset())
    chain = _Chain(sessions, dead_time_ps, tuple(detectors), law)
    start = chain.all_see
    for _ in range(_MOST_SESSIONS):
        bursts = chain.bursts(start)
        attempts = chain.attempts(bursts)
        following = chain.next_start(attempts)
        if np.abs(following - start).sum() < _CONVERGED:
            break
        start = following
    in_burst = chain.herald_chances(bursts) if sessions.timing.burst else [chain.mean(attempts)]
    return BlindAttempts(chain.shares(attempts), in_burst)


class _Chain:
    """The Markov chain of blind detectors from attempt to attempt."""

    def __init__(
        self, sessions: Sessions, dead_time_ps: int, detectors: tuple[int, ...], law: ClickLaw
    ) -> None:
        timing = self._timing = sessions.timing
        self._dead_time_ps = dead_time_ps
        self._remembered = remembered_attempts(timing, dead_time_ps)
        self._shape = (self._remembered + 1,) * len(detectors)
        self._left = np.indices(self._shape).reshape(len(detectors), -1)
        self._blind = np.array(detectors) @ (self._left > 0)
        self._missed = self._transitions(detectors, law, heralding=False)
        self._heralded = self._transitions(detectors, law, heralding=True)
        self._herald_chances = np.asarray(self._heralded.sum(axis=0)).ravel()
        self._lost = -math.expm1(-sessions.loss_per_s * to_seconds(timing.period))
        self._lost_cooling = -math.expm1(-sessions.loss_per_s * to_seconds(timing.cooling))
        self._behind_cooling = self._behind(timing.period + timing.cooling)
        self._behind_round = self._behind(to_ps(sessions.pause_s))
        self.all_see = np.zeros(self._left.shape[1])
        self.all_see[0] = 1.0

    def bursts(self, start: Vector) -> Vector:
        """Returns how many bursts of a session begin in each state, on average."""
        return _series(start, self._cycle, _MOST_ATTEMPTS)[0] if self._timing.burst else start

    def attempts(self, bursts: Vector) -> Vector:
        """Returns how many attempts of these bursts find each state."""
        return _series(bursts, self._attempt, self._timing.burst or _MOST_ATTEMPTS)[0]

    def mean(self, attempts: Vector) -> float:
        """Returns the mean chance of a herald in these attempts."""
        return float(attempts @ self._herald_chances / attempts.sum())

    def herald_chances(self, bursts: Vector) -> list[float]:
        """Returns the chance of a herald in the first, second, ... attempt of these bursts."""
        chances, before = [], bursts / bursts.sum()
        for _ in range(self._timing.burst):
            chances.append(float(before @ self._herald_chances))
            _, after, _ = self._attempt(before)
            if not after.sum():
                break
            after /= after.sum()
            if np.abs(after - before).sum() < _CONVERGED:
                break
            before = after
        return chances

    def next_start(self, attempts: Vector) -> Vector:
        """Returns the distribution at the start of the session that follows a session's sum."""
        start = self._moved(self._heralded @ attempts, self._behind_round)
        start[0] += max(0.0, 1 - start.sum())
        start /= start.sum()
        return start

    def shares(self, attempts: Vector) -> dict[int, float]:
        """Returns the share of each set of blind detectors."""
        sets, members = np.unique(self._blind, return_inverse=True)
        sums = np.bincount(members, attempts) / attempts.sum()
        return dict(zip(sets.tolist(), sums.tolist(), strict=True))

    def _attempt(self, before: Vector) -> tuple[Vector, Vector, float]:
        heralded, weight = float(before @ self._herald_chances), float(before.sum())
        after = (1 - self._lost) * (self._missed @ before)
        return before, after, heralded + self._lost * (weight - heralded)

    def _cycle(self, before: Vector) -> tuple[Vector, Vector, float]:
        attempts, after = _series(before, self._attempt, self._timing.burst)
        heralded, weight = float(attempts @ self._herald_chances), float(attempts.sum())
        lost = heralded + self._lost * (weight - heralded) + self._lost_cooling * float(after.sum())
        return before, (1 - self._lost_cooling) * self._moved(after, self._behind_cooling), lost

    def _transitions(
        self, detectors: tuple[int, ...], law: ClickLaw, *, heralding: bool
    ) -> csr_array:
        """Returns the part of the chain's matrix, (to, from), that heralds or that does not."""
        elements = []
        for blind, chances in law.chances.items():
            sources = np.flatnonzero(self._blind == blind)
            passed = np.maximum(self._left[:, sources] - 1, 0)
            for clicks, chance in enumerate(chances):
                part = chance * law.share(clicks, heralding=heralding)
                if not part:
                    continue
                left = passed.copy()
                left[[bool(clicks & lit) for lit in detectors]] = self._remembered
                targets = np.ravel_multi_index(tuple(left), self._shape)
                elements.append((targets, sources, np.full(len(sources), part)))
        states = self._left.shape[1]
        if not elements:
            return csr_array((states, states))
        targets, sources, parts = (np.concatenate(column) for column in zip(*elements, strict=True))
        return csr_array((parts, (targets, sources)), shape=(states, states))

    def _behind(self, elapsed_ps: int) -> NDArray[np.int64]:
        """Returns the state that each becomes, so long after an attempt's start, in ps.

        States count from the attempt that would follow at once.
        """
        still = max(0, -(-(self._dead_time_ps - elapsed_ps) // self._timing.period))
        left = np.maximum(self._left - (self._remembered - still), 0)
        behind: NDArray[np.int64] = np.ravel_multi_index(tuple(left), self._shape)
        return behind

    @staticmethod
    def _moved(before: Vector, targets: NDArray[np.int64]) -> Vector:
        after = np.zeros_like(before)
        np.add.at(after, targets, before)
        return after


def _series(start: Vector, step: _Step, most: int) -> tuple[Vector, Vector]:
    """Returns the sum of so many steps, and the distribution after them.

    From the step on after which the distribution keeps its shape the series is geometric.
    """
    total = np.zeros_like(start)
    before = start
    for done in range(most):
        part, after, lost = step(before)
        weight = before.sum()
        if weight < _CONVERGED * start.sum():
            break
        share = min(lost / weight, 1.0)
        if np.abs(after - (1 - share) * before).sum() <= _CONVERGED * weight:
            left = most - done
            decay = left * math.log1p(-share) if share < 1 else -math.inf
            total += part * (-math.expm1(decay) / share if share else left)
            return total, before * math.exp(decay)
        total += part
        before = after
    return total, before
