"""Two rounds of single-photon interference: memories entangled with their photons' time bins.

Each memory starts in (|0> + |1>)/sqrt(2), emits a photon early if it is in |1>, is flipped, and
emits a photon late if it is in |1> now. Named after the flip, memory i and its photon are in
(|0>|early> + |1>|late>)/sqrt(2). With early for H and late for V this is the polarisation qubit of
``qnetsim.physics.interference``, and click sets are numbered as there.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from qnetsim.physics.single_click import SingleClickAttempt, single_click_states

TIME_BIN_DETECTORS: tuple[str, ...] = ("D1 early", "D1 late", "D2 early", "D2 late")
"""Detector and bin d is bit ``1 << d`` of a click set, in place of H1, V1, H2, V2."""

Scalar = TypeVar("Scalar", bound=np.inexact[Any])


def barrett_kok_states(
    efficiencies: tuple[float, float],
    overlap: float,
    dark_probability: float,
    *,
    phase_drift_rad: float = 0.0,
    phase_drift_noise_rad: float = 0.0,
) -> NDArray[np.complex128]:
    r"""Returns the memories' state behind each of the 16 click sets, not normalised.

    The memories' state in their basis decides whether photons are there, so a round multiplies the
    state by its map element by element. With :math:`\sigma_c` the state that click set c leaves in
    a single round at a = 1/2, and X the flip of both memories,

    .. math:: \rho_{cd} = 4 (X \sigma_c X) \circ \sigma_d
        \qquad (\sigma_c \text{ at phase 0, } \sigma_d \text{ at } \phi_d - \phi_c).

    The flip conjugates the early coherence: of the optical phases only their change is left.
    Without a change the map equals ``two_photon_click_states``. One click in each round names a
    Bell state as in ``BELL_PATTERNS``; all four together have the probability e1 e2/2 at pd = 0.

    Args:
        efficiencies: (e1, e2), from emission to the click, each in [0, 1].
        overlap: I = abs(<f1|f2>)^2 of two wave packets of the same bin, in [0, 1].
        dark_probability: pd, the chance that a threshold detector clicks in a bin with no photon,
            in [0, 1].
        phase_drift_rad: the optical phase of the late round less that of the early one, in rad.
        phase_drift_noise_rad: the standard deviation of Gaussian noise on it, in rad.

    Returns:
        Array of shape (16, 4, 4), indexed by the click set as a bit mask over
        ``TIME_BIN_DETECTORS`` and the memories' basis 00, 01, 10, 11 after the flip. The traces
        sum to 1.

    References:
        Barrett and Kok, arXiv quant-ph/0408040.
    """
    early = SingleClickAttempt((0.5, 0.5), efficiencies, overlap, dark_probability)
    late = early._replace(phase_rad=phase_drift_rad, phase_noise_rad=phase_drift_noise_rad)
    first, second = (single_click_states(attempt).reshape(2, 2, 4, 4) for attempt in (early, late))
    states: NDArray[np.complex128] = 4 * np.einsum(
        "abij,cdij->cadbij", first[..., ::-1, ::-1], second
    )
    return states.reshape(16, 4, 4)


def with_detector_memory(
    states: NDArray[Scalar], *, blind_late: bool = False, afterpulse: float = 0.0
) -> NDArray[Scalar]:
    """Returns the click states if a detector's early click changes what it does late.

    Args:
        states: (..., 16, 4, 4), indexed by click sets over ``TIME_BIN_DETECTORS``.
        blind_late: whether the dead time is longer than the bins are apart, so that a detector
            that clicked early sees nothing late, nor afterpulses.
        afterpulse: the chance that a detector that clicked early, and isn't blind, clicks late
            without a cause, in [0, 1].

    Returns:
        Array of the same shape, and of the same sum over click sets.
    """
    again = 0.0 if blind_late else afterpulse
    kept = 0.0 if blind_late else 1.0
    # Of one detector: silent, early, late, both.
    seen = np.array(
        [
            [1.0, 0.0, 0.0, 0.0],
            [0.0, 1 - again, 0.0, 1 - kept],
            [0.0, 0.0, 1.0, 0.0],
            [0.0, again, 0.0, kept],
        ],
        dtype=states.dtype,
    )
    after: NDArray[Scalar] = np.einsum(
        "ab,cd,sbdij->sacij", seen, seen, states.reshape(-1, 4, 4, 4, 4)
    )
    return after.reshape(states.shape)
