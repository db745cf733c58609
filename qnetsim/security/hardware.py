r"""What two parties observe on a shared pair of qubits with lossy detectors: P(a, b | x, y).

.. math:: \rho = V |\psi\rangle\langle\psi| + (1 - V)\tfrac14, \quad
    |\psi\rangle = \cos\theta |00\rangle + \sin\theta |11\rangle,

and a party at angle v measures cos v Z + sin v X. With theta = pi/4 it is the depolarised maximally
entangled pair, whose error rate in a common basis is (1 - V)/2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import FloatArray, within


def pair_behaviour(
    theta: ArrayLike,
    alice: ArrayLike,
    bob: ArrayLike,
    visibility: ArrayLike = 1.0,
    efficiencies: tuple[ArrayLike, ArrayLike] = (1.0, 1.0),
) -> FloatArray:
    """Returns P[..., x, y, a, b], shape (..., X, Y, 3, 3), with outcomes +1, -1 and no click.

    Args:
        theta: the state's angle in rad, shape (...).
        alice: Alice's measurement angles in rad, shape (..., X).
        bob: Bob's, shape (..., Y).
        visibility: V, in [0, 1], shape (...).
        efficiencies: the chance that Alice's qubit is detected, and Bob's, shape (...).

    Raises:
        ValueError: V or an efficiency lies outside [0, 1].
    """
    v = within(visibility, 0.0, 1.0, "visibility")[..., None, None]
    a, b = np.asarray(alice)[..., :, None], np.asarray(bob)[..., None, :]
    angle = np.asarray(theta)[..., None, None]
    eta_a, eta_b = (
        within(eta, 0.0, 1.0, "detection efficiency")[..., None, None] for eta in efficiencies
    )
    shapes = (part.shape for part in (a, b, angle, v, eta_a, eta_b))
    ones = np.ones(np.broadcast_shapes(*shapes))
    mean_a, mean_b = (v * np.cos(2 * angle) * np.cos(x) * ones for x in (a, b))
    mean_ab = v * (np.cos(a) * np.cos(b) + np.sin(a) * np.sin(b) * np.sin(2 * angle)) * ones
    sign = np.array([1.0, -1.0])
    both = (
        1
        + sign[:, None] * mean_a[..., None, None]
        + sign * mean_b[..., None, None]
        + np.outer(sign, sign) * mean_ab[..., None, None]
    ) / 4
    table = np.empty((*both.shape[:-2], 3, 3))
    both = np.maximum(both, 0.0)  # rounding alone can make them negative
    table[..., :2, :2] = (eta_a * eta_b)[..., None, None] * both
    table[..., :2, 2] = (eta_a * (1 - eta_b))[..., None] * both.sum(axis=-1)
    table[..., 2, :2] = ((1 - eta_a) * eta_b)[..., None] * both.sum(axis=-2)
    table[..., 2, 2] = (1 - eta_a) * (1 - eta_b)
    return table


def binned(behaviour: FloatArray, axis: int, outcome: int = 0) -> FloatArray:
    """Returns a behaviour whose rounds without a click are given an outcome.

    Args:
        behaviour: shape (..., a, b).
        axis: whose: -2 Alice's, -1 Bob's; that axis has three entries, the last for no click.
        outcome: index of the outcome they count as.
    """
    clicked = np.moveaxis(behaviour, axis, 0)
    table = clicked[:2].copy()
    table[outcome] += clicked[2]
    return np.moveaxis(table, 0, axis)


def correlator(table: FloatArray) -> FloatArray:
    """Returns <A B> of tables P(a, b), shape (..., 2, 2)."""
    sign = np.array([1.0, -1.0])
    mean: FloatArray = np.einsum("...ab,a,b->...", table, sign, sign)
    return mean
