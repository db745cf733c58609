r"""Gauss-Radau nodes for the logarithm, with an account of their rounding.

.. math:: \ln x = \int_0^1 \frac{x - 1}{1 + t (x - 1)} dt \ge
    \sum_i w_i \frac{x - 1}{1 + t_i (x - 1)},

with nodes t_i in (0, 1], the last one 1: the integrand's odd derivatives in t are negative, so that
a rule with a node at the right end errs downwards for every x > 0.

References:
    Brown, Fawzi and Fawzi, arXiv 2106.13692, sec. 3.1.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from typing import NamedTuple

import numpy as np

_DIGITS = 60


class Quadrature(NamedTuple):
    """A rule that bounds the logarithm from below.

    Attributes:
        nodes: t_i < 1, rounded to float.
        weights: w_i, rounded to float.
        last_weight: of the last node, t = 1.
        rounding_nats: by how much rounding may lift an entropy computed with it, at most.
    """

    nodes: tuple[float, ...]
    weights: tuple[float, ...]
    last_weight: Fraction
    rounding_nats: Fraction


@cache
def radau(nodes: int) -> Quadrature:
    """Returns the Gauss-Radau rule with a number of nodes on (0, 1], the last of them 1.

    Entropies are sums over outcomes and eigenvalues of p f(q/p, t), the p of which add up to at
    most 1, and abs(f) <= F = max(1/t, 1/(1 - t)), abs(df/dt) = f^2: so a rounded node costs w F^2
    for each unit that it moved and a rounded weight F.

    Args:
        nodes: how many, 2 or more.

    Raises:
        ValueError: fewer than 2.
    """
    if nodes < 2:
        raise ValueError(f"quadrature nodes ({nodes}) must be 2 or more")
    with localcontext() as context:
        context.prec = _DIGITS
        exact = [_node(nodes, guess) for guess in _guesses(nodes)]
    t = tuple(float(node) for node, _ in exact)
    w = tuple(float(weight) for _, weight in exact)
    costs = [_cost(*pair) for pair in zip(exact, zip(t, w, strict=True), strict=True)]
    return Quadrature(t, w, Fraction(1, nodes**2), sum(costs, Fraction(0)))


def _cost(exact: tuple[Decimal, Decimal], rounded: tuple[float, float]) -> Fraction:
    (t, w), (node, weight) = map(Fraction, exact), map(Fraction, rounded)
    largest = 1 / min(t, 1 - t, node, 1 - node)
    return abs(weight - w) * largest + w * abs(node - t) * largest**2


def _guesses(nodes: int) -> list[float]:
    """Returns the nodes within (-1, 1) of the rule with a node at 1, to float precision."""
    k = np.arange(1, nodes)
    beside = k / np.sqrt(4.0 * k * k - 1)
    jacobi = np.diag(beside, 1) + np.diag(beside, -1)
    unit = np.zeros(nodes - 1)
    unit[-1] = beside[-1] ** 2
    last = np.linalg.solve(jacobi[:-1, :-1] - np.eye(nodes - 1), unit)[-1]
    jacobi[-1, -1] = 1 + last
    return [float(x) for x in np.linalg.eigvalsh(jacobi)[:-1]]


def _node(nodes: int, guess: float) -> tuple[Decimal, Decimal]:
    """Polishes a root of P_m - P_(m-1), and returns it and its weight, moved to (0, 1)."""
    x = Decimal(guess)
    for _ in range(6):  # from 16 digits, two reach 60
        before, last = _legendre(nodes, x)
        x -= (last - before) * (1 + x) / (nodes * (before + last))
    before, _ = _legendre(nodes, x)
    return (x + 1) / 2, (1 + x) / (2 * (nodes * before) ** 2)


def _legendre(degree: int, x: Decimal) -> tuple[Decimal, Decimal]:
    """Returns the Legendre polynomials of a degree less one and of the degree."""
    before, last = Decimal(1), x
    for k in range(2, degree + 1):
        before, last = last, ((2 * k - 1) * x * last - (k - 1) * before) / k
    return before, last
