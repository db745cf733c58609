"""Two-photon interference at a Bell-state station: click pattern -> probability and memory state.

The station is a 50:50 beam splitter with a polarising beam splitter and two threshold detectors
behind each output. Memory i is maximally entangled with its photon's polarisation,
(|0>|H> + |1>|V>)/sqrt(2), and its photon enters port i.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DETECTORS: tuple[str, ...] = ("H1", "V1", "H2", "V2")
"""Detector d is bit ``1 << d`` of a click set; the letter is the polarisation, the digit the
output port of the beam splitter."""

N_CLICK_SETS = 1 << len(DETECTORS)

DISCARDED = N_CLICK_SETS
"""Bit of a click set that the station sees and throws away: a detector counted more than one
photon, or the clicks lie too far apart."""

CAUSES: tuple[str, ...] = (
    "true pair",
    "distinguishable photons",
    "second emission",
    "dark count",
)
"""What can make a station herald."""

_SECOND_EMISSION, _DARK_COUNT = 2, 3

BELL_PATTERNS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"psi+": (0b0011, 0b1100), "psi-": (0b1001, 0b0110)}
)
"""The click sets that name a Bell state: both polarisations in one port, or one in each."""

Real = NDArray[np.float64]

_POLARISATION = (0, 1, 0, 1)
_IDENTITY = np.eye(4)


def click_set(names: Iterable[str]) -> int:
    """Returns the click set of the named detectors as a bit mask.

    Args:
        names: detector names out of ``DETECTORS``.

    Raises:
        ValueError: a name is not a detector's.
    """
    return sum(1 << DETECTORS.index(name) for name in set(names))


def click_names(clicks: int) -> tuple[str, ...]:
    """Returns the names of the detectors in a click set, in the order of ``DETECTORS``."""
    return tuple(name for d, name in enumerate(DETECTORS) if clicks >> d & 1)


class Kept(NamedTuple):
    """The chance that two clicks lie within the coincidence window, by what made them.

    Attributes:
        photons: two photons.
        first_and_dark: the first node's photon and a dark count.
        second_and_dark: the second node's photon and a dark count.
        darks: two dark counts.
    """

    photons: float = 1.0
    first_and_dark: float = 1.0
    second_and_dark: float = 1.0
    darks: float = 1.0

    @property
    def either_and_dark(self) -> float:
        """A photon of either node and a dark count."""
        return (self.first_and_dark + self.second_and_dark) / 2


ALL_KEPT = Kept()


def two_photon_click_states(
    efficiencies: tuple[float, float], overlap: float, dark_probability: float
) -> Real:
    r"""Returns the memories' state behind each of the 16 click sets, not normalised.

    With arm efficiencies e1, e2 to the click, photon overlap I and dark probability pd a detector,
    an accepted pattern (two of psi+, sign +; two of psi-, sign -) leaves

    .. math:: \rho = (1-p_d)^2 \Big\{ \tfrac{e_1 e_2}{16} [|01\rangle\langle 01|
        + |10\rangle\langle 10| \pm I (|01\rangle\langle 10| + h.c.)]
        + p_d \tfrac{e_1 e_2 (1+I)}{16} (|00\rangle\langle 00| + |11\rangle\langle 11|)
        + [p_d \tfrac{e_1 (1-e_2) + e_2 (1-e_1)}{2} + p_d^2 (1-e_1)(1-e_2)] \tfrac{1}{4} \Big\},

    exact in pd. Its trace is the probability of exactly that click set. The other sets follow
    from the same enumeration of where the detected photons went; no term is a difference, so
    small probabilities keep their digits.

    Args:
        efficiencies: (e1, e2), each in [0, 1].
        overlap: I = abs(<f1|f2>)^2 of the two wave packets, in [0, 1].
        dark_probability: pd, the chance that a detector clicks with no photon, in [0, 1].

    Returns:
        Array of shape (16, 4, 4), real, indexed by the click set as a bit mask over
        ``DETECTORS`` and the memories' basis 00, 01, 10, 11. The traces sum to 1.

    References:
        Hong, Ou and Mandel, PRL 59, 2044 (1987); Braunstein and Mann, PRA 51, R1727 (1995).
    """
    by_cause = click_states_by_cause(efficiencies, overlap, dark_probability)
    summed: Real = by_cause.sum(axis=0)[:N_CLICK_SETS]
    return summed


def click_states_by_cause(
    efficiencies: tuple[float, float],
    overlap: float,
    dark_probability: float,
    *,
    strays: Sequence[float] = (),
    twins: tuple[float | None, float | None] = (None, None),
    number_resolving: bool = False,
    kept: Kept = ALL_KEPT,
    coincident_overlap: float | None = None,
    dead: int = 0,
) -> Real:
    """Returns the memories' state behind each click set, split by what made the clicks.

    The causes are those of ``CAUSES``: a click set is a *dark count*'s where one of its detectors
    would have stayed silent without dark counts, else a *second emission*'s where one was lit by a
    stray photon alone, else it is the entangled photons'. Of what two of them lit, as a mixture,
    the part I that interfered is a *true pair*'s and the part 1 - I *distinguishable photons*';
    what one or none of them lit, which names no Bell state, counts as a *true pair*'s.

    A stray photon is one that an emitter sends before the one its memory is entangled with: of
    random polarisation and distinguishable from every other photon, so it lights each detector
    equally often. A twin is one that has the polarisation, or lies in the time bin, of the photon
    that its memory is entangled with, and is distinguishable from every other photon too. Even
    where it is lost it tells the memory's states apart, so no coherence is left.

    Args:
        efficiencies: as in ``two_photon_click_states``.
        overlap: likewise.
        dark_probability: likewise.
        strays: for each stray photon that reaches the station the chance that it clicks.
        twins: for each memory the chance that its photon's twin clicks, which counts as a stray
            photon then; ``None`` where there is no twin.
        number_resolving: whether detectors count; a set in which one counted more than once is
            discarded.
        kept: how often a coincidence passes the coincidence window; else it is discarded. A
            stray photon counts as a photon of either node, and so does the click of several; a
            dark count in a detector that a photon lights changes nothing.
        coincident_overlap: I of the photons that lie within the coincidence window, in [-1, 1];
            that of all photons where there is no such window. It enters the click sets that name
            a Bell state.
        dead: click set of the detectors that see nothing.

    Returns:
        Array of shape (4, 32, 4, 4), real: by cause, click set and memories. A click set with the
        bit ``DISCARDED`` cannot herald. The traces sum to 1.
    """
    states = np.zeros((len(CAUSES), 2 * N_CLICK_SETS, 4, 4))
    coherence = overlap if coincident_overlap is None else coincident_overlap
    parts = _photon_parts(efficiencies, overlap, coherence, number_resolving)
    beside_dark = (kept.either_and_dark, kept.first_and_dark, kept.second_and_dark)
    for source, cause, photons in parts:
        part = np.zeros_like(states)
        for clicks, lit in enumerate(photons):
            part[cause, _seen(clicks, dead)] += lit
        for efficiency in strays:
            part = _with_stray(part, efficiency, range(4), number_resolving, dead)
        for memory, twin in enumerate(twins):
            if twin is not None:
                part = _with_twin(part, memory, twin, number_resolving, dead)
        chances = (kept.photons, beside_dark[source], kept.darks)
        states += _with_dark_counts(part, dark_probability, number_resolving, chances, dead)
    return states


def _seen(clicks: int, dead: int) -> int:
    """Returns what is seen of photons that lit detectors, before anything else lights one."""
    seen = clicks & ~dead
    return seen if seen != DISCARDED else 0


def _photon_parts(
    efficiencies: tuple[float, float], overlap: float, coherence: float, number_resolving: bool
) -> list[tuple[int, int, Real]]:
    """Returns what the entangled photons light, as (source, cause, states of shape (32, 4, 4)).

    The source says whose photon clicks beside a dark count: 1 or 2 for a node's, 0 for either's.
    """
    e1, e2 = efficiencies
    both, apart, first, second, none = np.zeros((5, 2 * N_CLICK_SETS, 4, 4))
    none[0] = (1 - e1) * (1 - e2) * _IDENTITY / 4
    for d, polarisation in enumerate(_POLARISATION):
        one = np.zeros(2)
        one[polarisation] = 1.0
        first[1 << d] = e1 * (1 - e2) / 8 * np.diag(np.kron(one, [1.0, 1.0]))
        second[1 << d] = e2 * (1 - e1) / 8 * np.diag(np.kron([1.0, 1.0], one))
        twice = 1 << d | (DISCARDED if number_resolving else 0)
        both[twice] = e1 * e2 * overlap / 8 * np.diag(np.kron(one, one))
        apart[twice] = e1 * e2 * (1 - overlap) / 16 * np.diag(np.kron(one, one))
    for polarisation, pair in ((0, click_set(("H1", "H2"))), (1, click_set(("V1", "V2")))):
        corner = 3 * polarisation
        apart[pair, corner, corner] = e1 * e2 * (1 - overlap) / 8
    for name, sign in (("psi+", 1.0), ("psi-", -1.0)):
        bell = np.zeros((4, 4))
        bell[1, 1] = bell[2, 2] = 1.0
        mixed = bell.copy()
        bell[1, 2] = bell[2, 1] = math.copysign(sign, sign * coherence)
        for pattern in BELL_PATTERNS[name]:
            both[pattern] = e1 * e2 * abs(coherence) / 16 * bell
            apart[pattern] = e1 * e2 * (1 - abs(coherence)) / 16 * mixed
    return [(0, 0, both), (0, 1, apart), (1, 0, first), (2, 0, second), (0, 0, none)]


def _with_stray(
    states: Real, efficiency: float, detectors: Sequence[int], number_resolving: bool, dead: int
) -> Real:
    """Returns the states once a stray photon has fallen on one of some detectors."""
    lit = (1 - efficiency) * states
    again = DISCARDED if number_resolving else 0
    for clicks, d in product(_click_sets(states), detectors):
        part = efficiency / len(detectors) * states[:, clicks]
        if dead >> d & 1:
            lit[:, clicks] += part
        elif clicks >> d & 1:
            lit[:, clicks | again] += part
        else:
            lit[_SECOND_EMISSION, clicks | 1 << d] += part.sum(axis=0)
    return lit


def _with_twin(
    states: Real, memory: int, efficiency: float, number_resolving: bool, dead: int
) -> Real:
    """Returns the states once a photon's twin has told the memory's states apart."""
    lit = np.zeros_like(states)
    for value in (0, 1):
        there = np.array([basis >> (1 - memory) & 1 == value for basis in range(4)])
        detectors = [d for d, polarisation in enumerate(_POLARISATION) if polarisation == value]
        part = states * np.outer(there, there)
        lit += _with_stray(part, efficiency, detectors, number_resolving, dead)
    return lit


def _click_sets(states: Real) -> list[int]:
    """Returns the click sets that occur."""
    sets: list[int] = np.flatnonzero(states.any(axis=(0, 2, 3))).tolist()
    return sets


def _with_dark_counts(
    states: Real, chance: float, number_resolving: bool, kept: tuple[float, float, float], dead: int
) -> Real:
    """Returns the states once dark counts have lit further detectors.

    ``kept`` is the chance that a coincidence with none, one, two dark counts is kept.
    """
    lit = np.zeros_like(states)
    for clicks, dark in product(_click_sets(states), range(N_CLICK_SETS)):
        fresh = dark & ~clicks
        if dark & dead or (dark != fresh and not number_resolving):
            continue
        deaf = dead | (0 if number_resolving else clicks % DISCARDED)
        trials = len(DETECTORS) - deaf.bit_count()
        k = dark.bit_count()
        part = chance**k * (1 - chance) ** (trials - k) * states[:, clicks]
        if fresh:
            part = np.stack([*np.zeros_like(part[:_DARK_COUNT]), part.sum(axis=0)])
        there = clicks | dark | (DISCARDED if dark != fresh else 0)
        share = kept[fresh.bit_count()] if there.bit_count() == 2 and there < DISCARDED else 1.0
        lit[:, there] += share * part
        if share < 1:
            lit[:, there | DISCARDED] += (1 - share) * part
    return lit


def blind(states: NDArray[np.float64], dead: int) -> NDArray[np.float64]:
    """Returns the click states when the detectors in a set are dead: their clicks go unseen.

    Args:
        states: shape (..., n, 4, 4), by click set and memories.
        dead: click set of the dead detectors.

    Returns:
        Array of the same shape; the entries whose click set names a dead detector are zero.
    """
    seen = np.zeros_like(states)
    for clicks in range(states.shape[-3]):
        seen[..., clicks & ~dead, :, :] += states[..., clicks, :, :]
    return seen
