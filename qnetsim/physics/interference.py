"""Two-photon interference at a Bell-state station: click pattern -> probability and memory state.

The station is a 50:50 beam splitter with a polarising beam splitter and two threshold detectors
behind each output. Memory i is maximally entangled with its photon's polarisation,
(|0>|H> + |1>|V>)/sqrt(2), and its photon enters port i.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

DETECTORS: tuple[str, ...] = ("H1", "V1", "H2", "V2")
"""Detector d is bit ``1 << d`` of a click set; the letter is the polarisation, the digit the
output port of the beam splitter."""

N_CLICK_SETS = 1 << len(DETECTORS)

BELL_PATTERNS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"psi+": (0b0011, 0b1100), "psi-": (0b1001, 0b0110)}
)
"""The click sets that name a Bell state: both polarisations in one port, or one in each."""

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


def two_photon_click_states(
    efficiencies: tuple[float, float], overlap: float, dark_probability: float
) -> NDArray[np.float64]:
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
    photons = _photon_click_states(*efficiencies, overlap)
    states = np.zeros_like(photons)
    for lit, state in enumerate(photons):
        for dark in range(N_CLICK_SETS):
            if not dark & lit:
                k = dark.bit_count()
                unlit = len(DETECTORS) - lit.bit_count()
                chance = dark_probability**k * (1 - dark_probability) ** (unlit - k)
                states[lit | dark] += chance * state
    return states


def _photon_click_states(e1: float, e2: float, overlap: float) -> NDArray[np.float64]:
    """The same without dark counts: at most two detectors lit."""
    states = np.zeros((N_CLICK_SETS, 4, 4))
    states[0] = (1 - e1) * (1 - e2) * _IDENTITY / 4
    for d, polarisation in enumerate(_POLARISATION):
        one = np.zeros(2)
        one[polarisation] = 1.0
        first_only = np.diag(np.kron(one, [1.0, 1.0]))
        second_only = np.diag(np.kron([1.0, 1.0], one))
        both = np.diag(np.kron(one, one))
        states[1 << d] = (
            e1 * (1 - e2) / 8 * first_only
            + e2 * (1 - e1) / 8 * second_only
            + e1 * e2 * (1 + overlap) / 16 * both
        )
    for polarisation, pair in ((0, click_set(("H1", "H2"))), (1, click_set(("V1", "V2")))):
        corner = 3 * polarisation
        states[pair, corner, corner] = e1 * e2 * (1 - overlap) / 8
    for name, sign in (("psi+", 1.0), ("psi-", -1.0)):
        bell = np.zeros((4, 4))
        bell[1, 1] = bell[2, 2] = 1.0
        bell[1, 2] = bell[2, 1] = sign * overlap
        for pattern in BELL_PATTERNS[name]:
            states[pattern] = e1 * e2 / 16 * bell
    return states


def blind(states: NDArray[np.float64], dead: int) -> NDArray[np.float64]:
    """Returns the click states when the detectors in a set are dead: their clicks go unseen.

    Args:
        states: (16, 4, 4) from ``two_photon_click_states``.
        dead: click set of the dead detectors.

    Returns:
        Array of shape (16, 4, 4); the entries whose click set names a dead detector are zero.
    """
    seen = np.zeros_like(states)
    for clicks, state in enumerate(states):
        seen[clicks & ~dead] += state
    return seen
