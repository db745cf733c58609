"""What two parties observe: P(a, b | x, y), checked against what quantum devices can do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import TSIRELSON, FloatArray

TOLERANCE = 1e-9
"""By how much probabilities that were rounded may break a relation."""


class BehaviourError(ValueError):
    """Statistics that no quantum device gives; says which relation they break, and by how much."""


@dataclass(frozen=True)
class Behaviour:
    """The law of the outcomes of two parties' binary measurements.

    Attributes:
        table: P(a, b | x, y), shape (X, Y, 2, 2), outcomes in the order +1, -1.
        projected: by how much, at most, a probability differs from the observed share, where the
            behaviour nearest to finite counts was taken; ``None`` for given probabilities.
    """

    table: FloatArray
    projected: float | None = None

    def __post_init__(self) -> None:
        table = np.asarray(self.table, dtype=np.float64)
        object.__setattr__(self, "table", table)
        if table.ndim != 4 or table.shape[2:] != (2, 2) or not table.size:
            raise BehaviourError(f"shape {table.shape} must be (X, Y, 2, 2)")
        _check_laws(table)
        _check_signalling(table)
        _check_quantum(self)

    @cached_property
    def alice(self) -> FloatArray:
        """Alice's mean outcomes, shape (X,)."""
        return self.moments()[: len(self.table)]

    @cached_property
    def bob(self) -> FloatArray:
        """Bob's mean outcomes, shape (Y,)."""
        inputs = self.table.shape[:2]
        return self.moments()[inputs[0] : sum(inputs)]

    @cached_property
    def correlators(self) -> FloatArray:
        """Mean products of the outcomes, shape (X, Y)."""
        inputs = self.table.shape[:2]
        return self.moments()[sum(inputs) :].reshape(inputs)

    @cached_property
    def chsh(self) -> float:
        """<A0 B0> + <A0 B1> + <A1 B0> - <A1 B1>."""
        first = self.correlators[:2, :2]
        return float(first.sum() - 2 * first[1, 1])

    def moments(self) -> FloatArray:
        """Returns Alice's means, Bob's and the correlators, Bob's input running fastest."""
        return moments_of(self.table)


def moments_of(counts: ArrayLike) -> FloatArray:
    """Returns Alice's mean outcomes, Bob's and the mean products, Bob's input running fastest.

    A party's mean is over all rounds with its setting, whatever the other's.

    Args:
        counts: rounds with each outcome, or probabilities; shape (X, Y, 2, 2), each pair of
            settings with some.
    """
    rounds = np.asarray(counts, dtype=np.float64)
    signs = np.array([1.0, -1.0])
    total = rounds.sum(axis=(2, 3))
    alice = (rounds.sum(axis=3) @ signs).sum(axis=1) / total.sum(axis=1)
    bob = (rounds.sum(axis=2) @ signs).sum(axis=0) / total.sum(axis=0)
    products = np.einsum("xyab,a,b->xy", rounds, signs, signs) / total
    return np.concatenate([alice, bob, products.ravel()])


def nearest_behaviour(counts: ArrayLike) -> Behaviour:
    """Returns the behaviour without signalling that lies nearest to finite counts.

    Least squares, each share weighted by the rounds behind it, among probabilities. It serves to
    plan and to compare: what it gives is an estimate, without a confidence level.

    Args:
        counts: rounds with each outcome, shape (X, Y, 2, 2).

    Raises:
        BehaviourError: a pair of settings has no rounds, a count is negative or not a number, or
            the nearest behaviour is not one of quantum devices.
    """
    from scipy.optimize import minimize

    counted = np.asarray(counts, dtype=np.float64)
    if counted.ndim != 4 or counted.shape[2:] != (2, 2) or not counted.size:
        raise BehaviourError(f"shape {counted.shape} must be (X, Y, 2, 2)")
    if not (np.isfinite(counted) & (counted >= 0)).all():
        raise BehaviourError("counts must be finite and 0 or more")
    rounds = counted.sum(axis=(2, 3))
    if not rounds.all():
        x, y = np.argwhere(rounds == 0)[0]
        raise BehaviourError(f"no rounds with settings x = {x}, y = {y}")
    shares = counted / rounds[..., None, None]
    design = _from_moments(*rounds.shape)
    weights = np.broadcast_to(rounds[..., None, None] / rounds.sum(), shares.shape).ravel()
    offsets = shares.ravel() - 0.25

    def misfit(moments: FloatArray) -> tuple[float, FloatArray]:
        missed = design @ moments - offsets
        return float(weights @ missed**2), 2 * design.T @ (weights * missed)

    found = minimize(
        misfit,
        moments_of(shares) * _INSIDE,
        jac=True,
        method="SLSQP",
        constraints={"type": "ineq", "fun": lambda m: 0.25 + design @ m, "jac": lambda _: design},
        options={"ftol": 1e-16, "maxiter": 500},
    )
    table = np.maximum(0.25 + design @ found.x, 0.0).reshape(shares.shape)
    table /= table.sum(axis=(2, 3), keepdims=True)
    return Behaviour(table, float(np.abs(table - shares).max()))


_INSIDE = 0.9
"""A start of the search off the border of the probabilities."""


def _from_moments(inputs_a: int, inputs_b: int) -> FloatArray:
    """P - 1/4 as a linear map of the moments, shape (X Y 4, X + Y + X Y)."""
    sign = np.array([1.0, -1.0])
    rows = np.zeros((inputs_a, inputs_b, 2, 2, inputs_a + inputs_b + inputs_a * inputs_b))
    for x, y in product(range(inputs_a), range(inputs_b)):
        rows[x, y, :, :, x] = sign[:, None] / 4
        rows[x, y, :, :, inputs_a + y] = sign / 4
        rows[x, y, :, :, inputs_a + inputs_b + x * inputs_b + y] = np.outer(sign, sign) / 4
    return rows.reshape(-1, rows.shape[-1])


def _check_laws(table: FloatArray) -> None:
    for x, y in product(*map(range, table.shape[:2])):
        law, where = table[x, y], f"x = {x}, y = {y}"
        if not np.isfinite(law).all():
            raise BehaviourError(f"a probability at {where} is not a finite number")
        if law.min() < -TOLERANCE:
            raise BehaviourError(f"a probability at {where} is negative ({law.min():.6g})")
        if abs(law.sum() - 1) > 4 * TOLERANCE:
            raise BehaviourError(f"the probabilities at {where} add up to {law.sum():.9g}, not 1")


def _check_signalling(table: FloatArray) -> None:
    for own, other, marginal in (
        ("Alice", "Bob", table[..., 0, :].sum(axis=-1)),
        ("Bob", "Alice", table[..., 0].sum(axis=-1).T),
    ):
        spread = np.ptp(marginal, axis=1)
        setting = int(spread.argmax())
        if spread[setting] > 4 * TOLERANCE:
            low, high = marginal[setting].min(), marginal[setting].max()
            raise BehaviourError(
                f"signalling: {own}'s chance of +1 with setting {setting} depends on {other}'s "
                f"setting ({low:.9g} to {high:.9g})"
            )


def _check_quantum(behaviour: Behaviour) -> None:
    """Checks every CHSH value, and the sharper relation that marginals enter too.

    References:
        Tsirelson, Lett. Math. Phys. 4, 93 (1980); Masanes, arXiv quant-ph/0309137; with marginals:
        Navascues, Pironio and Acin, arXiv quant-ph/0607119, eq. (16).
    """
    a, b, products = behaviour.alice, behaviour.bob, behaviour.correlators
    spread = np.sqrt(np.outer(np.clip(1 - a**2, 0, 1), np.clip(1 - b**2, 0, 1)))
    covariances = products - np.outer(a, b)
    cosines = np.divide(covariances, spread, out=np.zeros_like(spread), where=spread > 1e-12)
    angles = np.arcsin(np.clip(cosines, -1, 1))
    for (x, u), (y, v) in product(*(combinations(range(n), 2) for n in products.shape)):
        for number in range(4):
            signs = np.ones(4)
            signs[number] = -1
            places = (np.array([x, x, u, u]), np.array([y, v, y, v]))
            chsh = abs(float(signs @ products[places]))
            if chsh > TSIRELSON + 8 * TOLERANCE:
                raise BehaviourError(
                    f"the CHSH value of settings x = {x}, {u} and y = {y}, {v} is {chsh:.9g}, "
                    f"beyond the quantum limit 2 sqrt 2"
                )
            total = abs(float(signs @ angles[places]))
            if total > np.pi + _ANGLE_TOLERANCE:
                raise BehaviourError(
                    f"no quantum device: the sum of arcsines of settings x = {x}, {u} and "
                    f"y = {y}, {v} is {total:.9g}, more than pi"
                )


_ANGLE_TOLERANCE = 1e-4
"""Angles near pi/2 move by the square root of what probabilities do."""
