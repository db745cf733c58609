r"""Photon-pair sources and threshold detectors: pair state, pump power, analysers -> click sets.

Parametric down-conversion makes pairs in two polarisations of each of K equal spectral modes,

.. math:: |\psi\rangle = \sqrt{\det(1 - M M^\dagger)}\; e^{a^\dagger M b^\dagger} |0\rangle, \quad
    M = \begin{pmatrix} 0 & T_1 \\ T_2 e^{i\varphi} & 0 \end{pmatrix}, \quad T_i = \tanh r_i,

in the order H, V on either side: |HV> pairs with T1 and |VH> pairs with T2. Each party turns an
analyser and watches one or both of its ports with threshold detectors.

References:
    Ou and Mandel, PRL 61, 50 (1988); Caprara Vivoli et al., arXiv 1405.1939.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qnetsim.physics import set_function

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Analysers = tuple[ArrayLike, ArrayLike]


MOST_MEAN_PAIRS = 200.0
"""The largest mean number of pairs for which click probabilities are known to keep their digits."""


class PairState(NamedTuple):
    r"""The polarisation state of one pair.

    .. math:: \rho = V \rho_C + (1 - V) \tfrac14, \quad
        |\psi\rangle = \cos\theta |HV\rangle + e^{i\varphi} \sin\theta |VH\rangle,

    with :math:`\rho_C` the state psi whose coherence between HV and VH is reduced to C of its
    value. The fidelity with psi is :math:`F = V [1 - \tfrac{1-C}{2} \sin^2 2\theta] + (1 - V)/4`.

    Attributes:
        angle_rad: theta, in rad.
        phase_rad: phi, in rad.
        coherence: C, in [0, 1].
        visibility: V, in [0, 1].
    """

    angle_rad: float
    phase_rad: float = 0.0
    coherence: float = 1.0
    visibility: float = 1.0


class SpdcSource(NamedTuple):
    r"""A pulsed source of such pairs.

    Of the mean number mu of pairs :math:`\mu \cos^2\theta` are |HV> and :math:`\mu \sin^2\theta`
    |VH>, equally shared by K modes, so that :math:`\sinh^2 r_1 = \mu \cos^2(\theta)/K`. With one
    mode the number of pairs is thermal in either polarisation and pairs interfere; with many
    (a pulse long on the scale of the pairs' bandwidth) it is Poisson and they are independent.

    Noise is a random unitary: with the weights that give rho for one pair, Pauli operators act on
    the two polarisations of a mode, on all of its pairs alike and on each mode anew. One mode
    then means noise common to all pairs of a pulse, and the Poisson limit noise of each pair's
    own. Noise common to all of many modes is a mixture: average the click tables of its parts.
    What is white for one pair need not be isotropic for several in one mode.

    Attributes:
        state: the state of one pair.
        mean_pairs: mu, the mean number of pairs in a pulse, at most ``MOST_MEAN_PAIRS``: beyond it
            the chance that nothing clicks is too small to start from.
        modes: K, 1 or more; infinite for the Poisson limit.
    """

    state: PairState
    mean_pairs: float
    modes: float = math.inf


class Receiver(NamedTuple):
    """What watches one party's analyser.

    Attributes:
        efficiencies: from the source to the click, in [0, 1]: of one detector in the port that
            the analyser passes (a polariser), or of two in both its ports, the passed one first.
        dark_probability: the chance that a detector has a dark count, in [0, 1].
    """

    efficiencies: tuple[float, ...]
    dark_probability: float = 0.0


def linear(angle_rad: ArrayLike) -> Real:
    """Returns (cos, sin) of analyser angles against H, shape (..., 2).

    A half-wave plate at an angle w in front of a fixed polariser is an analyser at 2 w.

    Args:
        angle_rad: shape (...), in rad.
    """
    return np.stack([np.cos(angle_rad), np.sin(angle_rad)], axis=-1)


def pair_clicks(
    state: PairState, analysers: Analysers, receivers: tuple[Receiver, Receiver]
) -> Real:
    r"""Returns the probability of each pair of click sets when there is exactly one pair.

    Args:
        state: the pair's.
        analysers: for each party the unit vectors, real or complex, shape (..., 2), of the
            polarisations that the analyser passes; leading axes broadcast, one for each setting.
        receivers: each party's detectors.

    Returns:
        Array of shape (..., 2^n, 2^m) for n and m detectors, indexed by Alice's and Bob's click
        sets as bit masks: 0 no click, 1 the passed port, 2 the other, 3 both. It sums to 1. No
        term is a difference: small probabilities keep their digits.
    """
    unseen = _unseen_pair(state, analysers, receivers)
    return _with_dark_counts(unseen, receivers)


def pulse_clicks(
    source: SpdcSource, analysers: Analysers, receivers: tuple[Receiver, Receiver]
) -> Real:
    r"""Returns the probability of each pair of click sets in one pulse.

    The chance that photons light none of a set of detectors follows from
    :math:`M' = K_A M K_B^T`, K = sqrt(1 - eta) on the ports in the set:

    .. math:: \Big[\frac{\det(1 - M M^\dagger)}{\det(1 - M' M'^\dagger)}\Big]^K \text{ at } \mu/K,
        \qquad e^{-\mu (1 - q)} \text{ for } K \to \infty,

    with q the same chance for one pair. Click sets follow by inclusion and exclusion on
    differences (see ``set_function``), so probabilities keep their digits: against 80-digit
    arithmetic the relative error stays under 1e-9 for all above 1e-15.

    Args:
        source: the source.
        analysers: as in ``pair_clicks``.
        receivers: likewise.

    Returns:
        Array of the shape and order of ``pair_clicks``.

    Raises:
        ValueError: the mean number of pairs lies outside [0, ``MOST_MEAN_PAIRS``].
    """
    if not 0 <= source.mean_pairs <= MOST_MEAN_PAIRS:
        raise ValueError(f"mean_pairs ({source.mean_pairs:g}) must lie in [0, {MOST_MEAN_PAIRS:g}]")
    # A power would bring back cancellation: the logarithm of a mixture has terms of either sign.
    if source.modes == 1:
        return _with_dark_counts(_unseen_mode(source, analysers, receivers), receivers)
    if math.isinf(source.modes):
        log_unseen = source.mean_pairs * _unseen_pair(source.state, analysers, receivers)
        log_unseen[..., 0] = -log_unseen[..., 1:].sum(axis=-1)
    else:
        mode = _unseen_mode(source, analysers, receivers)
        mode[..., 0] = -mode[..., 1:].sum(axis=-1)
        log_unseen = source.modes * set_function.log1p(mode)
    return _with_dark_counts(set_function.exp(log_unseen), receivers)


def _unseen_pair(
    state: PairState, analysers: Analysers, receivers: tuple[Receiver, Receiver]
) -> Real:
    """Returns the chance that one pair lights no detector outside a set, as a set function."""
    weights, matrices = _mixture(state, math.cos(state.angle_rad), math.sin(state.angle_rad))
    ports = _port_matrices(matrices, analysers)
    shares: Real = np.tensordot(weights, np.abs(ports) ** 2, axes=1)
    first, second = (_missed(receiver) for receiver in receivers)
    return _flat(np.einsum("...ij,ia,jb->...ab", shares, first, second))


def _unseen_mode(
    source: SpdcSource, analysers: Analysers, receivers: tuple[Receiver, Receiver]
) -> Real:
    r"""Returns the chance that one of K modes lights no detector outside a set.

    With s_i and r_j the chances to miss a photon in Alice's and Bob's ports and W the matrix M
    in their bases, :math:`\det(1 - M' M'^\dagger) = 1 - \sum_{ij} s_i r_j |W_{ij}|^2
    + s_1 s_2 r_1 r_2 |\det M|^2`.
    """
    theta = source.state.angle_rad
    means = source.mean_pairs / source.modes * np.array([math.cos(theta), math.sin(theta)]) ** 2
    squares = means / (1 + means)
    amplitudes = np.sqrt(squares) * np.sign([math.cos(theta), math.sin(theta)])
    weights, matrices = _mixture(source.state, *amplitudes)
    ports = _port_matrices(matrices, analysers)
    first, second = (_missed(receiver) for receiver in receivers)
    linear_part = np.einsum("...ij,ia,jb->...ab", np.abs(ports) ** 2, first, second)
    both = np.multiply.outer(set_function.product(*first), set_function.product(*second))
    ratio = _flat(squares.prod() * both - linear_part) * (1 + means).prod()
    ratio[..., 0] = 1 - ratio[..., 1:].sum(axis=-1)
    unseen: Real = np.tensordot(weights, set_function.inverse(ratio), axes=1)
    return unseen


def _mixture(state: PairState, first: float, second: float) -> tuple[Real, Complex]:
    """Returns weights (k,) and matrices (k, 2, 2) of M under the random Pauli operators."""
    ideal = np.array([[0, first], [second * np.exp(1j * state.phase_rad), 0]])
    flips = product((1, -1), (1, -1), (1, -1))
    matrices = np.array([ideal[::rows, ::columns] * [[1], [sign]] for rows, columns, sign in flips])
    weights = np.full(len(matrices), (1 - state.visibility) / 8)
    weights[:2] += state.visibility * np.array([1 + state.coherence, 1 - state.coherence]) / 2
    return weights[weights > 0], matrices[weights > 0]


def _port_matrices(matrices: Complex, analysers: Analysers) -> Complex:
    """Returns the matrices (k, ..., 2, 2) in the bases of the analysers' ports."""
    first, second = (np.asarray(vector) for vector in analysers)
    bases = [
        np.stack([vector.conj(), np.stack([-vector[..., 1], vector[..., 0]], axis=-1)], axis=-1)
        for vector in (first, second)
    ]
    ports: Complex = np.einsum("...im,kij,...jn->k...mn", bases[0], matrices, bases[1])
    return ports


def _missed(receiver: Receiver) -> Real:
    """Returns the chance to miss a photon in each port, set functions of shape (2, 2^n)."""
    missed = np.zeros((2, 1 << len(receiver.efficiencies)))
    missed[:, 0] = 1
    for port, efficiency in enumerate(receiver.efficiencies):
        missed[port, [0, 1 << port]] = 1 - efficiency, efficiency
    return missed


def _with_dark_counts(unseen: Real, receivers: tuple[Receiver, Receiver]) -> Real:
    """Returns click probabilities (..., 2^n, 2^m) from those that photons alone would cause."""
    darks: Real = np.ones(1)
    for efficiencies, dark in receivers:
        for _ in efficiencies:
            darks = np.kron(darks, np.array([1 - dark, dark]))
    clicks = set_function.product(unseen, darks)
    first, second = (1 << len(receiver.efficiencies) for receiver in receivers)
    # Rounding leaves up to 1e-18 of either sign where a probability is zero.
    return np.maximum(clicks, 0.0).reshape(*clicks.shape[:-1], first, second)


def _flat(table: Real) -> Real:
    return table.reshape(*table.shape[:-2], -1)
