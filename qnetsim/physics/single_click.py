r"""Single-photon interference at a station: click set -> probability and memory state, by cause.

Memory i is prepared in sqrt(1-a_i) |0> + sqrt(a_i) |1> and emits a photon if it is in |1>:
sqrt(1-a_i) |0>|vacuum> + sqrt(a_i) |1>|photon>. Photon i enters port i of a 50:50 beam splitter
with a detector behind each output: port 1 -> (D1 + D2)/sqrt(2), port 2 -> (D1 - D2)/sqrt(2).
One click doesn't tell where its photon came from, and leaves |10> +- e^{i phi} |01>.

A memory in |1> may be excited again during the pulse and emit twice. Its first photon then leaves
at another time than all others and interferes with none, but clicks, and tells that the memory is
in |1> wherever it goes.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

DETECTORS: tuple[str, ...] = ("D1", "D2")
"""Detector d is bit ``1 << d`` of a click set."""

OVER_COUNTED = 1 << len(DETECTORS)
"""The bit of a click set in which a number-resolving detector counted two or more."""

PHOTON, DISTINGUISHABLE = "photon", "distinguishable"
BOTH_EMITTED, SECOND_EMISSION, DARK = "both emitted", "second emission", "dark"
CAUSES: tuple[str, ...] = (PHOTON, DISTINGUISHABLE, BOTH_EMITTED, SECOND_EMISSION, DARK)
"""What leads to a click set; see ``single_click_causes``."""

Clicks = tuple[float, ...]
Readings = tuple[tuple[float, float, float], ...]
Photons = dict[tuple[int, int], float]
"""Chances of so many photons in front of D1 and D2."""


class _Memories(NamedTuple):
    """A state of the memories, not normalised, with no coherence but between 01 and 10.

    Attributes:
        populations: of 00, 01, 10, 11.
        coherence: <01|rho|10>.
    """

    populations: Sequence[float]
    coherence: complex = 0.0


class SecondEmission(NamedTuple):
    """What a memory in |1> does beyond emitting once.

    Attributes:
        probability: that it emits twice.
        first: the chance that its first photon gets to the click.
        second: the same of its second one, which is like the photon of one that emits once.
    """

    probability: float = 0.0
    first: float = 0.0
    second: float = 0.0


class SingleClickAttempt(NamedTuple):
    """The optics of one attempt.

    Attributes:
        excitations: (a1, a2), the chances that the memories are in |1>, each in [0, 1].
        efficiencies: (e1, e2), from |1> to the click of a memory that does not emit twice, each
            in [0, 1].
        overlap: I = abs(<f1|f2>)^2 of the two wave packets, in [0, 1].
        dark_probability: pd, the chance that a detector has a dark count, in [0, 1].
        phase_rad: phi, the optical phase of photon 2 less that of photon 1 at the beam splitter
            (the phase of <f1|f2> included), in rad.
        phase_noise_rad: sigma, the standard deviation of Gaussian noise on phi, in rad.
        number_resolving: whether detectors count photons, a dark count as one, or only click.
        second_emissions: of either memory.
    """

    excitations: tuple[float, float]
    efficiencies: tuple[float, float]
    overlap: float
    dark_probability: float
    phase_rad: float = 0.0
    phase_noise_rad: float = 0.0
    number_resolving: bool = False
    second_emissions: tuple[SecondEmission, SecondEmission] = (SecondEmission(), SecondEmission())


def single_click_states(attempt: SingleClickAttempt, dead: int = 0) -> NDArray[np.complex128]:
    r"""Returns the memories' state behind each click set, not normalised.

    With threshold detectors, y = 1-pd and no second emission, exactly one click (of D1, sign +; of
    D2, sign -) leaves

    .. math:: \rho_{00} &= y p_d (1-a_1)(1-a_2) \\
        \rho_{10} &= y a_1 (1-a_2) [e_1/2 + (1-e_1) p_d], \quad \rho_{01} \text{ likewise} \\
        \rho_{11} &= y a_1 a_2 [e_1 e_2 (1+I)/4 + (e_1 + e_2 - 2 e_1 e_2)/2
            + (1-e_1)(1-e_2) p_d] \\
        \langle 01|\rho|10\rangle &= \pm \tfrac{y}{2} \sqrt{a_1(1-a_1) a_2(1-a_2) e_1 e_2 I}\,
            e^{i\phi - \sigma^2/2},

    exact in pd. Number-resolving detectors give one more factor y to each of the terms in which
    one photon clicks, and count the bunched pair, e1 e2 (1+I)/4, as over-counted. The other sets
    follow from the same enumeration of where the photons went and which detectors had dark
    counts; no diagonal term is a difference, so small probabilities keep their digits. A dead
    detector has no dark counts and reads none of its photons: behind one click of D1 beside a
    dead D2 stands whatever D2 got.

    Args:
        attempt: the optics.
        dead: click set of the detectors that see nothing.

    Returns:
        Array of shape (4, 4, 4), or (8, 4, 4) if detectors resolve numbers: indexed by the click
        set as a bit mask over ``DETECTORS`` (and ``OVER_COUNTED``) and the memories' basis 00,
        01, 10, 11. The traces sum to 1. A set without ``OVER_COUNTED`` is one in which each lit
        detector counted exactly one.

    References:
        Cabrillo et al., arXiv quant-ph/9810013; Hermans et al., arXiv 2208.07449.
    """
    causes = single_click_causes(attempt, dead)
    states: NDArray[np.complex128] = np.sum(list(causes.values()), axis=0)
    return states


def single_click_causes(
    attempt: SingleClickAttempt, dead: int = 0
) -> dict[str, NDArray[np.complex128]]:
    r"""Returns ``single_click_states`` as a mixture of what can lead to each click set.

    - ``photon``: the photon of the only excited memory clicked, as if both photons were alike and
      their phase known: a pure state where there are no dark counts.
    - ``distinguishable``: the same, of known origin, without coherence.
    - ``both emitted``: both memories emitted once, and a photon of theirs clicked.
    - ``second emission``: a memory emitted twice, and a photon of either clicked.
    - ``dark``: no photon clicked; what is lit had a dark count (nothing, in the empty set). A
      photon in a dead detector does not click, but leaves its coherence behind.

    A visibility :math:`v = \sqrt{I} e^{-\sigma^2/2}` has many readings as a mixture. In this one a
    photon of the only excited memory keeps its coherence with probability v and loses all of it
    with 1 - v, so that ``photon`` and ``distinguishable`` have the same populations but for their
    weights v and 1 - v.

    Args:
        attempt: the optics.
        dead: click set of the detectors that see nothing.

    Returns:
        One array for each of ``CAUSES``, of the shape of ``single_click_states``, which is their
        sum. Each entry is positive semidefinite.
    """
    n_sets = OVER_COUNTED * (2 if attempt.number_resolving else 1)
    parts: dict[str, list[tuple[Clicks, _Memories]]] = {cause: [] for cause in CAUSES}
    by_photons = _single_emissions(attempt) | {SECOND_EMISSION: _second_emissions(attempt)}
    for cause, photons in by_photons.items():
        for (n1, n2), state in photons.items():
            seen = (0 if dead & 1 else n1, 0 if dead & 2 else n2)
            clicks = _clicks(seen, attempt.dark_probability, dead, attempt.number_resolving)
            parts[cause if any(seen) else DARK].append((clicks, state))
    causes = {cause: np.zeros((n_sets, 4, 4), dtype=complex) for cause in CAUSES}
    for cause, terms in parts.items():
        if terms:
            chances, states = zip(*terms, strict=True)
            populations, coherences = zip(*states, strict=True)
            # Not a product of matrices: opposite coherences must cancel to the last digit.
            weights = np.array(chances)[:, :, None]
            weighted = (weights * np.array(populations)[:, None]).sum(axis=0)
            causes[cause][:, _DIAGONAL, _DIAGONAL] = weighted
            if any(coherences):
                coherence = (weights[:, :, 0] * np.array(coherences)[:, None]).sum(axis=0)
                causes[cause][:, 1, 2], causes[cause][:, 2, 1] = coherence, coherence.conj()
    return causes


_DIAGONAL = np.arange(4)


def _single_emissions(attempt: SingleClickAttempt) -> dict[str, dict[tuple[int, int], _Memories]]:
    """For each cause, the states by the photons that reached (D1, D2); no memory emits twice."""
    (q1, b1, _), (q2, b2, _) = _branches(attempt)
    e1, e2 = attempt.efficiencies
    overlap, phi, noise = attempt.overlap, attempt.phase_rad, attempt.phase_noise_rad**2 / 2
    visibility = math.sqrt(overlap) * math.exp(-noise)
    # 1 - visibility, with the digits of a small overlap deficit or phase noise.
    blur = (1 - overlap) / (1 + math.sqrt(overlap)) - math.sqrt(overlap) * math.expm1(-noise)

    one, other = q1 * b2 * e2 / 2, b1 * q2 * e1 / 2
    coherence = cmath.rect(math.sqrt(one) * math.sqrt(other), phi)
    undetected = [p1 * p2 for p1 in (q1, b1 * (1 - e1)) for p2 in (q2, b2 * (1 - e2))]
    both = _interfering(e1, e2, overlap)
    del both[0, 0]

    ports = ((1, 0), (0, 1))
    return {
        PHOTON: {
            port: _Memories((0, visibility * one, visibility * other, 0), visibility * turned)
            for port, turned in zip(ports, (coherence, -coherence), strict=True)
        },
        DISTINGUISHABLE: dict.fromkeys(ports, _Memories((0, blur * one, blur * other, 0))),
        BOTH_EMITTED: {n: _Memories((0, 0, 0, b1 * b2 * chance)) for n, chance in both.items()},
        DARK: {(0, 0): _Memories(undetected)},
    }


def _second_emissions(attempt: SingleClickAttempt) -> dict[tuple[int, int], _Memories]:
    """The states by the photons that reached (D1, D2), where a memory at least emits twice."""
    populations: dict[tuple[int, int], list[float]] = {}
    branches = _branches(attempt)
    for kinds in product(range(3), repeat=2):
        weight = branches[0][kinds[0]] * branches[1][kinds[1]]
        if _TWICE not in kinds or not weight:
            continue
        ways = zip(kinds, attempt.efficiencies, attempt.second_emissions, strict=True)
        e1, e2 = ((0.0, e, twice.second)[kind] for kind, e, twice in ways)
        photons = _interfering(e1, e2, attempt.overlap)
        for kind, twice in zip(kinds, attempt.second_emissions, strict=True):
            if kind == _TWICE:
                photons = _beside(photons, twice.first)
        memory = 2 * (kinds[0] != _NONE) + (kinds[1] != _NONE)
        for seen, chance in photons.items():
            populations.setdefault(seen, [0.0] * 4)[memory] += weight * chance
    return {seen: _Memories(chances) for seen, chances in populations.items()}


_NONE, _ONCE, _TWICE = range(3)


def _branches(attempt: SingleClickAttempt) -> list[tuple[float, float, float]]:
    """Returns, for either memory, the chances that it emits no photon, one, two."""
    return [
        (1 - a, a * (1 - twice.probability), a * twice.probability)
        for a, twice in zip(attempt.excitations, attempt.second_emissions, strict=True)
    ]


def _interfering(e1: float, e2: float, overlap: float) -> Photons:
    """Returns where two photons go that arrive, one in each port, with these chances."""
    alone = (e1 * (1 - e2) + e2 * (1 - e1)) / 2
    bunched = e1 * e2 * (1 + overlap) / 4
    return {
        (0, 0): (1 - e1) * (1 - e2),
        (1, 0): alone,
        (0, 1): alone,
        (2, 0): bunched,
        (0, 2): bunched,
        (1, 1): e1 * e2 * (1 - overlap) / 2,
    }


def _beside(photons: Photons, efficiency: float) -> Photons:
    """Returns the same with one more photon, which interferes with none."""
    joined: Photons = {}
    for (n1, n2), chance in photons.items():
        for one, two, way in (
            (0, 0, 1 - efficiency),
            (1, 0, efficiency / 2),
            (0, 1, efficiency / 2),
        ):
            place = n1 + one, n2 + two
            joined[place] = joined.get(place, 0.0) + chance * way
    return joined


@lru_cache(maxsize=4096)
def _clicks(seen: tuple[int, int], dark: float, dead: int, resolving: bool) -> Clicks:
    """Returns the click sets' chances, given the photons that the detectors see."""
    first, second = (
        _readings(0.0 if dead >> d & 1 else dark, resolving)[min(n, 2)] for d, n in enumerate(seen)
    )
    chances = [0.0] * OVER_COUNTED * (2 if resolving else 1)
    for r1, r2 in product(range(3), repeat=2):
        if chance := first[r1] * second[r2]:
            chances[(r1 > 0) + 2 * (r2 > 0) + OVER_COUNTED * (2 in (r1, r2))] += chance
    return tuple(chances)


def _readings(pd: float, resolving: bool) -> Readings:
    """Chances that a detector reads 0, 1, more than 1: one row each for 0, 1, more photons."""
    silent = (1 - pd, pd, 0.0)
    if resolving:
        return silent, (0.0, 1 - pd, pd), (0.0, 0.0, 1.0)
    return silent, (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)
