r"""Explicit attacks: how little entropy an eavesdropper can leave behind given statistics.

Eve draws a strategy and remembers which: a state of two qubits that she purifies, and for each
setting of either party an observable, cos(t) Z + sin(t) X or +-1. For two settings and two outcomes
a side she needs nothing else (Jordan's lemma); for three, other attacks may be stronger. A mixture
that gives the statistics caps what any device-independent bound can certify for them, against any
class of attacks, for Eve can play it. It is no bound from below: the search is local, from random
starts, and may miss a stronger attack.

The mixture comes from column generation (Gilmore and Gomory 1961). A linear programme weighs the
strategies found so far; its dual prices, one for each statistic, send a local search for a strategy
of less H(A|E) - prices.statistics, until none is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.behaviour import Behaviour
from qnetsim.security.information import FloatArray, contrast, within
from qnetsim.security.npa.problem import RawKey

CHSH: FloatArray = np.array([[0.0, 0, 0], [0, 1, 1], [0, 1, -1]])
"""<A0 B0> + <A0 B1> + <A1 B0> - <A1 B1> as ``statistics_attack`` takes it."""

_SIGNS: FloatArray = np.array([1.0, -1.0])
_IDENTITY_Z_X: FloatArray = np.array([[[1.0, 0], [0, 1]], [[1, 0], [0, -1]], [[0, 1], [1, 0]]])
_LEAST_EIGENVALUE = 1e-30
_MISS_BITS = 100.0  # for missing a statistic by 1: far above the slope of any entropy
_MOST_NOISE = 0.4999  # beyond, rounding hides what strategies differ by
_GAP_BITS = 5e-7
_STALL_BITS, _PATIENCE = 1e-9, 8
_ROUNDS = 200
_SMOOTHING = 0.4
_FRESH_STARTS = 5
_RESIDUAL = 1e-8
_LP_TOLERANCES = 1e-10, 1e-9, 1e-8, 1e-7  # the loosest is the solver's own


class Strategy(NamedTuple):
    """What Eve plays in a round.

    Attributes:
        amplitudes: of the pure state, shape (4, 4): the parties' qubits (rows), Eve (columns).
        alice: the identity and Alice's observables, shape (1 + settings, 2, 2).
        bob: the identity and Bob's.
    """

    amplitudes: FloatArray
    alice: FloatArray
    bob: FloatArray


@dataclass(frozen=True)
class Attack:
    """A mixture of strategies. Eve knows which one is played and holds its purification.

    Attributes:
        weights: chance of each strategy.
        strategies: as many.
        keys: the raw keys, made equally often; which one becomes public.
        residual: largest deviation of a mean value from what was asked for.
    """

    weights: FloatArray
    strategies: tuple[Strategy, ...]
    keys: tuple[RawKey, ...]
    residual: float

    def correlators(self) -> FloatArray:
        """Returns <A_x B_y>, shape (1 + settings, 1 + settings); index 0 is the identity."""
        each = np.array([_correlators(strategy) for strategy in self.strategies])
        mixed: FloatArray = np.tensordot(self.weights, each, 1)
        return mixed

    def behaviour(self) -> FloatArray:
        """Returns P[x, y, a, b], outcomes in the order +1, -1."""
        table = self.correlators()[:, :, None, None]
        a, b = _SIGNS[:, None], _SIGNS
        behaviour: FloatArray = (1 + a * table[1:, :1] + b * table[:1, 1:]) / 4
        return behaviour + a * b * table[1:, 1:] / 4

    def entropy_bits(self) -> float:
        """Returns H(A|E) in bits per key round that is kept, an upper value on the least one."""
        key = _key_round(self.keys)
        each = [_entropy(strategy, key).value for strategy in self.strategies]
        rounds = self.behaviour()[list(key.alice), key.bob].mean(axis=0)
        kept = (np.outer(*key.kept_chances) * rounds).sum()
        return float(contrast(key.noise) ** 2 * (self.weights @ np.array(each)) / kept)


def behaviour_attack(
    behaviour: Behaviour, keys: Sequence[RawKey], rng: np.random.Generator
) -> Attack:
    """Returns the strongest attack found that leaves all statistics as they are.

    Takes three to ten seconds of one core for 2 x 2 settings, up to a minute for 3 x 3.

    Args:
        behaviour: what the parties see, two or three settings a side.
        keys: how the key bits are made: each equally often, all flipped and kept alike.
        rng: where the search starts.

    Raises:
        ValueError: raw keys differ in more than Alice's setting, a key setting does not exist, or
            no mixture found comes within 1e-8 of every correlator, as for statistics that no
            quantum device makes.
    """
    table = np.block(
        [[np.ones((1, 1)), behaviour.bob], [behaviour.alice[:, None], behaviour.correlators]]
    )
    statistics = np.eye(table.size)[1:].reshape(-1, *table.shape)
    return _mixture(statistics, table.ravel()[1:], tuple(keys), rng)


def statistics_attack(
    statistics: ArrayLike, values: ArrayLike, keys: Sequence[RawKey], rng: np.random.Generator
) -> Attack:
    """Returns the strongest attack found that leaves some mean values as they are.

    Takes about a second for one or two values.

    Args:
        statistics: weight of each <A_x B_y> in each value, shape (n, 1 + settings, 1 + settings);
            index 0 stands for the identity, so that [:, 1 + x, 0] weighs <A_x>.
        values: the mean values, shape (n,).
        keys: as for ``behaviour_attack``; every round must be kept.
        rng: where the search starts.

    Raises:
        ValueError: rounds are dropped, raw keys differ in more than Alice's setting, a key setting
            does not exist, or no mixture found comes within 1e-8 of the values.
    """
    chances = _key_round(keys).kept_chances
    if np.min(chances) < 1:
        raise ValueError(f"chances to keep {chances} below 1 need the whole behaviour")
    return _mixture(np.asarray(statistics, float), np.asarray(values, float), tuple(keys), rng)


class _Round(NamedTuple):
    """Key rounds that differ in Alice's setting alone."""

    alice: tuple[int, ...]
    noise: float
    bob: int
    kept_chances: tuple[tuple[float, float], tuple[float, float]]


def _key_round(keys: Sequence[RawKey]) -> _Round:
    alike = {replace(key, alice=0) for key in keys}
    if len(alike) != 1:
        raise ValueError("raw keys must be one or more, flipped and kept alike")
    (key,) = alike
    within(key.flip, 0.0, _MOST_NOISE, "noise")
    settings = tuple(key.alice for key in keys)
    return _Round(settings, key.flip, key.bob or 0, (key.kept_alice, key.kept_bob))


# The linear programme


class _Point(NamedTuple):
    """A strategy as the search sees it.

    Amplitudes and angles make one vector. An observable that is fixed at +1 or -1, as the identity
    is, ignores its angle; the others are fixed at 0.
    """

    vector: FloatArray
    fixed_alice: FloatArray
    fixed_bob: FloatArray


class _Column(NamedTuple):
    point: _Point
    entropy: float
    statistics: FloatArray


def _mixture(
    statistics: FloatArray, values: FloatArray, keys: tuple[RawKey, ...], rng: np.random.Generator
) -> Attack:
    """Generates columns until the mixture costs no more than the prices say that any must.

    Prices are smoothed (Wentges 1997): taken part of the way from the best so far to the latest.
    """
    n_alice, n_bob = statistics.shape[1:]
    key = _key_round(keys)
    within(np.array(key.alice), 0, n_alice - 2, "Alice's key setting")
    within(key.bob, 0, n_bob - 2, "Bob's key setting")
    pool = [_column(point, statistics, key) for point in _local_points(n_alice, n_bob)]
    costs, floor = [np.inf] * _PATIENCE, -np.inf
    best: FloatArray | None = None
    for _ in range(_ROUNDS):
        weights, prices, cost = _weigh(pool, values)
        costs.append(cost)
        if cost < floor + _GAP_BITS or cost > costs[-1 - _PATIENCE] - _STALL_BITS:
            break
        prices = prices if best is None else _SMOOTHING * best + (1 - _SMOOTHING) * prices
        operator = np.tensordot(prices, statistics, 1)
        starts = [pool[k].point for k in np.flatnonzero(weights)]
        starts += [_random_point(n_alice, n_bob, rng) for _ in range(_FRESH_STARTS)]
        pool += [_column(_descend(start, operator, key), statistics, key) for start in starts]
        least = min(column.entropy - prices @ column.statistics for column in pool)
        bound = float(prices @ values + least)
        if bound > floor:
            floor, best = bound, prices
    played = np.flatnonzero(weights)
    mixed = weights[played] @ np.array([pool[k].statistics for k in played])
    residual = float(np.abs(mixed - values).max())
    if not residual <= _RESIDUAL:
        raise ValueError(f"no attack found: a mean value is missed by {residual:.2g}")
    strategies = tuple(_strategy(pool[k].point) for k in played)
    return Attack(weights[played], strategies, keys, residual)


def _column(point: _Point, statistics: FloatArray, key: _Round) -> _Column:
    strategy = _strategy(point)
    means = np.tensordot(statistics, _correlators(strategy), 2)
    return _Column(point, _entropy(strategy, key).value, means)


def _weigh(pool: list[_Column], values: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Returns the weights of least entropy, the price of each statistic, and the cost."""
    from scipy.optimize import linprog

    n, m = len(pool), len(values)
    cost = np.r_[[column.entropy for column in pool], np.full(2 * m, _MISS_BITS)]
    means = np.array([column.statistics for column in pool]).T
    rows = np.block([[means, np.eye(m), -np.eye(m)], [np.ones(n), np.zeros(2 * m)]])
    for tolerance in _LP_TOLERANCES:
        options = {f"{side}_feasibility_tolerance": tolerance for side in ("primal", "dual")}
        solved = linprog(cost, A_eq=rows, b_eq=np.r_[values, 1.0], method="highs", options=options)
        if solved.status == 0:
            break
    else:
        raise ArithmeticError(f"the linear programme failed: {solved.message}")
    weights = np.maximum(solved.x[:n], 0.0)
    prices: FloatArray = solved.eqlin.marginals
    return weights / weights.sum(), prices[:m], float(solved.fun)


# The search


def _local_points(n_alice: int, n_bob: int) -> list[_Point]:
    """Deterministic outcomes for every setting."""
    vector = np.eye(16 + n_alice + n_bob)[0]
    signs = product(_SIGNS, repeat=n_alice + n_bob - 2)
    split = n_alice - 1
    return [_Point(vector, np.r_[1.0, s[:split]], np.r_[1.0, s[split:]]) for s in signs]


def _random_point(n_alice: int, n_bob: int, rng: np.random.Generator) -> _Point:
    amplitudes = rng.normal(size=(4, 4)) * 10 ** rng.uniform(-3, 0, 4)
    angles = rng.uniform(0, 2 * np.pi, n_alice + n_bob)
    fixed = (_random_fixed(n_alice, rng), _random_fixed(n_bob, rng))
    return _Point(np.r_[amplitudes.ravel(), angles], *fixed)


def _random_fixed(n: int, rng: np.random.Generator) -> FloatArray:
    """With fewer than two free observables a party makes nothing beyond the local points."""
    fixed: FloatArray = np.eye(n)[0]
    if n > 3 and rng.random() < 0.3:
        fixed[rng.integers(1, n)] = rng.choice(_SIGNS)
    return fixed


def _descend(start: _Point, operator: FloatArray, key: _Round) -> _Point:
    from scipy.optimize import minimize

    found = minimize(
        lambda vector: _priced_entropy(start._replace(vector=vector), operator, key),
        start.vector,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 300, "maxcor": 20, "ftol": 1e-15, "gtol": 1e-8},
    )
    return start._replace(vector=found.x)


def _priced_entropy(point: _Point, operator: FloatArray, key: _Round) -> tuple[float, FloatArray]:
    """Returns H(A|E) - sum(operator * correlators) and its gradient."""
    strategy = _strategy(point)
    psi = strategy.amplitudes
    entropy, correlation = _entropy(strategy, key), _correlation(strategy, operator)
    by_psi = entropy.amplitudes - correlation.amplitudes
    by_party = entropy.alice - correlation.alice, entropy.bob - correlation.bob
    by_angles = [
        (_observables(angles + np.pi / 2, 0 * fixed) * slope).sum(axis=(1, 2)) * (fixed == 0)
        for (angles, fixed), slope in zip(_angles(point), by_party, strict=True)
    ]
    on_sphere = (by_psi - (by_psi * psi).sum() * psi) / np.linalg.norm(point.vector[:16])
    return entropy.value - correlation.value, np.r_[on_sphere.ravel(), *by_angles]


def _strategy(point: _Point) -> Strategy:
    amplitudes = point.vector[:16].reshape(4, 4)
    alice, bob = (_observables(angles, fixed) for angles, fixed in _angles(point))
    return Strategy(amplitudes / np.linalg.norm(amplitudes), alice, bob)


def _angles(point: _Point) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Either party's angles and what fixes them."""
    split = 16 + len(point.fixed_alice)
    vector = point.vector
    return (vector[16:split], point.fixed_alice), (vector[split:], point.fixed_bob)


def _observables(angles: FloatArray, fixed: FloatArray) -> FloatArray:
    free = fixed == 0
    parts = np.array([fixed, free * np.cos(angles), free * np.sin(angles)])
    operators: FloatArray = np.einsum("ps,pij->sij", parts, _IDENTITY_Z_X)
    return operators


# Means and entropies with their slopes


class _Slopes(NamedTuple):
    """A number and its derivatives by the amplitudes and by each observable's matrix."""

    value: float
    amplitudes: FloatArray
    alice: FloatArray
    bob: FloatArray


def _correlators(strategy: Strategy) -> FloatArray:
    psi, alice, bob = strategy
    pair = (psi @ psi.T).reshape(2, 2, 2, 2)
    table: FloatArray = np.einsum("iac,jbd,abcd->ij", alice, bob, pair)
    return table


def _correlation(strategy: Strategy, operator: FloatArray) -> _Slopes:
    """sum(operator * correlators)."""
    psi, alice, bob = strategy
    pair = (psi @ psi.T).reshape(2, 2, 2, 2)
    for_alice = np.einsum("ij,jbd->ibd", operator, bob)
    by_alice = np.einsum("ibd,abcd->iac", for_alice, pair)
    by_bob = np.einsum("jac,abcd->jbd", np.einsum("ij,iac->jac", operator, alice), pair)
    bell = np.einsum("iac,ibd->abcd", alice, for_alice).reshape(4, 4)
    return _Slopes(float((by_alice * alice).sum()), 2 * bell @ psi, by_alice, by_bob)


def _entropy(strategy: Strategy, key: _Round) -> _Slopes:
    """[sum_k S(G_k) - S(sum_k G_k)]/(1 - 2q)^2, H(A|E) of kept rounds times their share in [...].

    G_k is Eve's state, unnormalised, where the key bit is k and the round is kept. Strategies
    differ in H by (1 - 2q)^2 at most; so divided, noise leaves the search its digits.
    """
    psi, alice, bob = strategy
    identity = _IDENTITY_Z_X[0]
    to_alice, to_bob = np.array(key.kept_chances)
    flips = np.array([[1 - key.noise, key.noise], [key.noise, 1 - key.noise]]) * to_alice
    even, odd = (flips @ [0.5, 0.5])[:, None, None], (flips @ [0.5, -0.5])[:, None, None]
    kept = (to_bob @ [0.5, 0.5]) * identity + (to_bob @ [0.5, -0.5]) * bob[1 + key.bob]
    value, by_psi, by_alice, by_bob = 0.0, 0 * psi, 0 * alice, 0 * bob
    for x in key.alice:
        bits = even * identity + odd * alice[1 + x]
        effects = (bits[:, :, None, :, None] * kept[:, None, :]).reshape(2, 4, 4)
        entropies, logs = _entropies(psi.T @ np.concatenate([effects, effects.sum(0)[None]]) @ psi)
        value += entropies[:2].sum() - entropies[2]
        surprise = logs[2] - logs[:2]
        by_psi += 2 * (effects @ psi @ surprise).sum(axis=0)
        by_effect = (psi @ surprise @ psi.T).reshape(2, 2, 2, 2, 2)
        by_alice[1 + x] += (odd * np.einsum("kabcd,bd->kac", by_effect, kept)).sum(axis=0)
        by_kept = np.einsum("kabcd,kac->bd", by_effect, bits)
        by_bob[1 + key.bob] += (to_bob @ [0.5, -0.5]) * by_kept
    n = len(key.alice) * contrast(key.noise) ** 2
    return _Slopes(float(value / n), by_psi / n, by_alice / n, by_bob / n)


def _entropies(operators: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Returns -tr G log2 G and log2 G of operators G, shape (n, 4, 4)."""
    eigenvalues, vectors = np.linalg.eigh(operators)
    logs = np.log2(np.maximum(eigenvalues, _LEAST_EIGENVALUE))
    matrices = (vectors * logs[:, None, :]) @ vectors.transpose(0, 2, 1)
    entropies: FloatArray = -(eigenvalues * logs).sum(axis=1)
    return entropies, matrices
