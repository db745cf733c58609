"""The relaxation against operators: Eve's best Y, its bounds, and the objective it stands for."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import solve_sylvester
from strategies import random_strategy

from qnetsim.security.npa.problem import Problem, RawKey, chsh_constraint, full_statistics
from qnetsim.security.npa.quadrature import radau
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.words import Y_ADJOINT, Y, alice, bob, multiply

LEVEL = "1+A+B+AB"
KEYS = {
    "plain": RawKey(0, 0.0),
    "noisy": RawKey(0, 0.13),
    "nearly all noise": RawKey(0, 0.49),
    "post-selected": RawKey(0, 0.2, (0.9, 1.0), 1, (0.6, 1.0)),
}


def eve_states(strategy, key):
    """Eve's states of kept rounds, outcome +1 and -1, before any flip; and of all rounds."""
    one_a, one_b = (np.eye(size) for size in strategy.psi.shape[:2])
    weight = one_b
    if key.bob is not None:
        weight = sum(
            k * (one_b + s * strategy.bob[key.bob]) / 2
            for k, s in zip(key.kept_bob, (1, -1), strict=True)
        )
    parts = [
        strategy.eve(k * (one_a + s * strategy.alice[0]) / 2, weight)
        for k, s in zip(key.kept_alice, (1, -1), strict=True)
    ]
    return *parts, strategy.eve(one_a, one_b)


def best_y(plus, minus, key, outcome, t):
    """Eve's best operator from its stationarity, found by a Sylvester equation."""
    kept, difference = plus + minus, outcome * (plus - minus)
    rho = (kept + float(key.contrast) * difference) / 2
    return solve_sylvester(t * kept, (1 - t) * rho, -t / (1 + t) * difference)


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_moments_of_eves_best_operator_keep_within_their_bounds(key):
    rng = np.random.default_rng(8)
    problem = Problem((2, 2), LEVEL, ((1.0, key),), full_statistics((2, 2)))
    relaxation = Relaxation(problem)
    seen = 0.0
    for _ in range(150):
        strategy = random_strategy(rng)
        t = float(rng.choice([0.02, 0.2, 0.5, 0.8, 0.98]))
        plus, minus, everything = eve_states(strategy, key)
        y = best_y(plus, minus, key, 1, t)
        largest = relaxation.largest(t)
        for word, matrix in (
            (multiply(Y, Y_ADJOINT), y @ y.conj().T),
            (multiply(Y_ADJOINT, Y), y.conj().T @ y),
            (Y, (y + y.conj().T) / 2),
        ):
            mean = abs(np.trace(everything @ matrix).real)
            bound = largest[relaxation.moment(word)]
            assert mean <= bound * (1 + 1e-9)
            seen = max(seen, mean / bound)
    assert seen > 0.2  # the bounds are not idle


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_nodes_add_up_to_the_entropy_of_a_strategy_from_below(key):
    rng = np.random.default_rng(9)
    problem = Problem((2, 2), LEVEL, ((1.0, key),), full_statistics((2, 2)))
    relaxation = Relaxation(problem)
    for _ in range(20):
        strategy = random_strategy(rng)
        truth = strategy.key_entropy(key.flip, (key.kept_alice, key.kept_bob), key.bob)
        few, many = (value_at_best(strategy, relaxation, key, nodes) for nodes in (4, 24))
        assert few <= truth + 1e-9
        assert many <= truth + 1e-9
        assert many == pytest.approx(truth, abs=2e-3)


def value_at_best(strategy, relaxation, key, nodes):
    """The entropy bound with Eve's best operators, every moment from density matrices."""
    plus, minus, _ = eve_states(strategy, key)
    rule = radau(nodes)
    nats = float(rule.last_weight) * mean_of(strategy, relaxation.last())
    for t, w in zip(rule.nodes, rule.weights, strict=True):
        ys = {a: best_y(plus, minus, key, a, t) for a in (1, -1)}
        coefficients = dict(relaxation.objective(Fraction(t)))
        infimum = 0.0
        for number, block in enumerate(relaxation.blocks):
            for word in relaxation.matrix.moments:
                moment = relaxation.moment(word, number)
                if word[2] and moment in coefficients:
                    value = moment_mean(strategy, word, ys[block.outcome])
                    infimum += float(coefficients.pop(moment)) * value
        assert not coefficients
        nats += (
            w
            / t
            * (mean_of(strategy, relaxation.base(Fraction(t))) + float(relaxation.scale) * infimum)
        )
    return nats / np.log(2)


def mean_of(strategy, polynomial):
    return sum(
        float(value) * moment_mean(strategy, word, None) for word, value in polynomial.items()
    )


def moment_mean(strategy, word, y):
    a, b = (np.eye(size) for size in strategy.psi.shape[:2])
    for x in word[0]:
        a = a @ strategy.alice[x]
    for y_setting in word[1]:
        b = b @ strategy.bob[y_setting]
    eve = strategy.eve(a, b)
    for letter in reversed(word[2]):
        eve = (y if letter > 0 else y.conj().T) @ eve
    return float(np.trace(eve).real)


def test_outcomes_turned_over_need_one_matrix_and_no_odd_moment():
    relaxation = Relaxation(Problem((2, 2), LEVEL, ((1.0, KEYS["plain"]),), chsh_constraint()))
    assert len(relaxation.blocks) == 1
    assert relaxation.moment(alice(0)) in relaxation.vanishing
    assert relaxation.moment(multiply(alice(0), bob(1))) not in relaxation.vanishing
    full = Relaxation(Problem((2, 2), LEVEL, ((1.0, KEYS["plain"]),), full_statistics((2, 2))))
    assert len(full.blocks) == 2
    assert not full.vanishing.size


def test_a_level_with_too_few_words_is_refused():
    relaxation = Relaxation(
        Problem((2, 2), "1+A", ((1.0, KEYS["plain"]),), full_statistics((2, 2)))
    )
    with pytest.raises(ValueError, match="level 1\\+A has too few words"):
        relaxation.known  # noqa: B018
