"""Conference keys: values from density matrices, bounds against explicit attacks on three qubits.

Entropies of the attacks come from ``scipy.special.entr`` on eigenvalues of Eve's states; nothing of
the module under test enters them.
"""

from functools import reduce
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.conference import (
    HOLZ_QUANTUM,
    conference_advantage_below,
    holz_entropy,
    holz_key_rate,
    holz_value,
    pairwise_key_rate,
    parity_chsh_key_rate,
    parity_chsh_value,
)
from qnetsim.security.information import ROUNDING_BITS, TSIRELSON, binary_entropy
from qnetsim.security.rates import chsh_key_rate

ONE, X, Z = np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
Y = np.array([[0, -1j], [1j, 0]])
PLUS, MINUS = (Z + X) / np.sqrt(2), (Z - X) / np.sqrt(2)
ERRORS = [0.0, 0.01, 0.05, 0.2, 0.5]
repeatable = settings(deadline=None, derandomize=True)


def tensor(*operators):
    return reduce(np.kron, operators)


# The states


def depolarised_ghz(n, p):
    """Kraus operators on each qubit in turn."""
    psi = np.zeros(2**n)
    psi[[0, -1]] = np.sqrt(0.5)
    rho = np.outer(psi, psi).astype(complex)
    shares = [1 - 3 * p / 4, p / 4, p / 4, p / 4]
    for k in range(n):
        kraus = [tensor(np.eye(2**k), pauli, np.eye(2 ** (n - k - 1))) for pauli in (ONE, X, Y, Z)]
        rho = sum(share * op @ rho @ op.conj().T for share, op in zip(shares, kraus, strict=True))
    return rho


def parity_game(rho, n):
    """Chance that a + b = x(y + c) mod 2, outcome by outcome, x and y uniform."""
    alice, bob, won = (Z, X), (PLUS, MINUS), 0.0
    for x, y, *bits in product((0, 1), repeat=2 + n):
        a, b, *others = bits
        if (a + b) % 2 == x * ((y + sum(others)) % 2):
            measured = alice[x], bob[y], *([X] * (n - 2))
            signs = (-1) ** np.array(bits)
            effect = tensor(*((ONE + s * m) / 2 for s, m in zip(signs, measured, strict=True)))
            won += np.trace(effect @ rho).real / 4
    return won


@pytest.mark.parametrize("n", [2, 3, 4, 5])
@pytest.mark.parametrize("q", ERRORS)
def test_parity_chsh_value_is_what_depolarised_ghz_states_win(n, q):
    rho = depolarised_ghz(n, 1 - np.sqrt(1 - 2 * q))
    pair = tensor(Z, *[ONE] * (n - 2), Z)
    assert (1 - np.trace(pair @ rho).real) / 2 == pytest.approx(q, abs=1e-12)
    assert 8 * parity_game(rho, n) - 4 == pytest.approx(parity_chsh_value(q, n), abs=1e-12)


def holz_operator(a0, a1, b0, b1, c0, c1):
    b, c = ((b0 + b1) / 2, (b0 - b1) / 2), ((c0 + c1) / 2, (c0 - c1) / 2)
    return (
        tensor(a1, b[0], c[0])
        - tensor(a0, b[1], ONE)
        - tensor(a0, ONE, c[1])
        - tensor(ONE, b[1], c[1])
    )


@pytest.mark.parametrize("q", ERRORS[:-1])
def test_holz_value_is_that_of_depolarised_ghz_states_at_the_best_angle(q):
    rho = depolarised_ghz(3, 1 - np.sqrt(1 - 2 * q))
    s = np.linspace(0, 1, 301)[:, None, None]
    bob = [np.sqrt(1 - s**2) * X - s * Z, np.sqrt(1 - s**2) * X + s * Z]
    values = [np.trace(holz_operator(Z, X, *b, *b) @ rho).real for b in zip(*bob, strict=True)]
    assert max(values) == pytest.approx(holz_value(q), abs=1e-5)


# Attacks


def entropy_bits(operators):
    return entr(np.clip(np.linalg.eigvalsh(operators), 0, None)).sum(-1) / np.log(2)


def attacked(psi, angles):
    """Returns S, beta and H(A0|E); Eve purifies three qubits, shape (8, 8), with everything plane.

    S is that of Alice, the first Bob and the parity of the second Bob's first outcome.
    """
    a0, a1, b0, b1, c0, c1 = (np.cos(t) * Z + np.sin(t) * X for t in angles)
    game = tensor(a0, b0 + b1, ONE) + tensor(a1, b0 - b1, c0)
    joint = sum(
        entropy_bits(psi.conj().T @ tensor((ONE + s * a0) / 2, ONE, ONE) @ psi) for s in (1, -1)
    )
    entropy = joint - entropy_bits(psi.conj().T @ psi)
    rho = psi @ psi.conj().T
    beta = np.trace(holz_operator(a0, a1, b0, b1, c0, c1) @ rho).real
    return np.trace(game @ rho).real, beta, entropy


@pytest.fixture(scope="module")
def random_attacks():
    """GHZ states with damaged phases and more, measured near the best angles for each test."""
    rng = np.random.default_rng(20240)
    best = {
        "parity": [0, np.pi / 2, np.pi / 4, -np.pi / 4, np.pi / 2, 0],
        "holz": [0, np.pi / 2, *[np.pi / 2 + np.pi / 6, np.pi / 2 - np.pi / 6] * 2],
    }
    ghz = np.eye(8)[[0, 7]]
    found = []
    for angles in best.values():
        for _ in range(1200):
            x = rng.uniform(0, 1)
            psi = np.zeros((8, 8), complex)
            psi[:, 0] = (ghz[0] + ghz[1]) * np.sqrt((1 + x) / 4)
            psi[:, 1] = (ghz[0] - ghz[1]) * np.sqrt((1 - x) / 4)
            noise = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
            psi += noise * 10 ** rng.uniform(-4, -1)
            turned = np.array(angles) + rng.normal(size=6) * 10 ** rng.uniform(-3, 0)
            found.append(attacked(psi / np.linalg.norm(psi), turned))
    return np.array(found).T


def test_no_explicit_attack_lies_below_the_parity_chsh_bound(random_attacks):
    s, _, entropy = random_attacks
    assert np.count_nonzero(s > 2.05) > 300
    assert np.min(entropy - chsh_entropy(s)) > -1e-9


def test_no_explicit_attack_lies_below_the_holz_bound(random_attacks):
    _, beta, entropy = random_attacks
    assert np.count_nonzero(beta > 1.02) > 300
    assert np.min(entropy - holz_entropy(beta)) > -1e-9


def dephased_ghz(x):
    psi = np.zeros((8, 8))
    psi[[0, 7], 0] = np.sqrt((1 + x) / 4)
    psi[[0, 7], 1] = np.array([1, -1]) * np.sqrt((1 - x) / 4)
    return psi


@pytest.mark.parametrize("x", [0.1, 0.4, 0.7, 0.95, 1.0])
def test_mixture_of_two_ghz_states_reaches_both_bounds(x):
    tilt = np.arctan(x)
    s, _, entropy = attacked(dephased_ghz(x), [0, np.pi / 2, tilt, -tilt, np.pi / 2, 0])
    assert s == pytest.approx(2 * np.sqrt(1 + x**2), abs=1e-12)
    assert entropy == pytest.approx(chsh_entropy(s), abs=1e-9)
    lean = np.arcsin(1 / (1 + x))
    bob = [np.pi / 2 + lean, np.pi / 2 - lean]
    _, beta, entropy = attacked(dephased_ghz(x), [0, np.pi / 2, *bob, *bob])
    assert beta == pytest.approx(x + 1 / (1 + x), abs=1e-12)
    assert entropy == pytest.approx(holz_entropy(beta), abs=1e-9)


def test_holz_operator_obeys_the_relation_behind_the_bound():
    """All but its term in A0' X X, plus that term at the mean x: at most x + 1/(1 + x)."""
    rng = np.random.default_rng(3)
    excess = []
    for _ in range(3000):
        x, t, b, c = rng.uniform(0, [1, 2 * np.pi, np.pi / 2, np.pi / 2])
        bob, charlie = ([np.cos(u) * X + r * np.sin(u) * Z for r in (1, -1)] for u in (b, c))
        beta = holz_operator(Z, np.cos(t) * Z + np.sin(t) * X, *bob, *charlie)
        conjugate = np.sin(t) * np.cos(b) * np.cos(c)
        rest = np.linalg.eigvalsh(beta - conjugate * tensor(X, X, X))[-1]
        excess.append(rest + abs(conjugate) * x - (x + 1 / (1 + x)))
    assert -0.02 < max(excess) < 1e-12


# Shape


def test_holz_entropy_is_nothing_without_violation_and_a_bit_at_the_quantum_limit():
    assert np.array_equal(holz_entropy([-4, 0, 1]), np.zeros(3))
    assert holz_entropy(HOLZ_QUANTUM) == pytest.approx(1, abs=1e-11)
    assert holz_entropy(1.6) == holz_entropy(HOLZ_QUANTUM)


@given(st.floats(0.9, 1.5), st.floats(0.9, 1.5), st.floats(0, 1))
@settings(repeatable, max_examples=100)
def test_holz_entropy_is_convex(beta, other, weight):
    mixture = holz_entropy(weight * beta + (1 - weight) * other)
    mean = weight * holz_entropy(beta) + (1 - weight) * holz_entropy(other)
    assert mixture <= mean + 2 * ROUNDING_BITS


@given(st.floats(0, 0.5), st.integers(2, 8))
@repeatable
def test_more_parties_or_more_errors_never_help(q, n):
    assert parity_chsh_value(q, n + 1) <= parity_chsh_value(q, n) + 1e-15
    assert parity_chsh_value(q, n) <= parity_chsh_value(0.9 * q, n) + 1e-15
    assert holz_value(q) <= holz_value(0.9 * q) + 1e-15


def test_two_parties_make_the_usual_key():
    q = np.linspace(0, 0.5, 6)
    assert parity_chsh_key_rate(q, 2) == pytest.approx(chsh_key_rate(TSIRELSON * (1 - 2 * q), q, 1))


def test_perfect_states_make_a_bit_each_and_pairs_share_the_rounds():
    assert parity_chsh_key_rate(0, 5) == pytest.approx(1, abs=1e-11)
    assert pairwise_key_rate(0, 5) == pytest.approx(1 / 4, abs=1e-11)
    assert holz_key_rate(0) == pytest.approx(1, abs=1e-11)


@pytest.mark.parametrize("n", [3, 4, 7])
def test_conference_key_is_faster_below_the_crossing_only(n):
    q = conference_advantage_below(n)
    below, above = (
        parity_chsh_key_rate(e, n) - pairwise_key_rate(e, n) for e in (q - 1e-4, q + 1e-4)
    )
    assert below > 1e-5
    assert above < -1e-5
    assert parity_chsh_key_rate(q, n) > 0


def test_shapes_are_kept():
    q = np.linspace(0, 0.1, 6).reshape(2, 3)
    for rate in (parity_chsh_key_rate(q, 4), pairwise_key_rate(q, 4), holz_key_rate(q)):
        assert rate.shape == q.shape


def test_holz_rate_is_its_entropy_less_what_correction_reveals():
    assert holz_key_rate(0.03) == holz_entropy(holz_value(0.03)) - binary_entropy(0.03)


# Errors


@pytest.mark.parametrize("q", [-0.01, 0.51, np.nan])
@pytest.mark.parametrize("function", [holz_value, lambda q: parity_chsh_value(q, 3)])
def test_impossible_error_rate_is_refused(function, q):
    with pytest.raises(ValueError, match=rf"error rate \({q}\) must lie within \[0, 0.5\]"):
        function([0.1, q])


@pytest.mark.parametrize("beta", [-4.1, 4.1, np.nan])
def test_impossible_holz_value_is_refused(beta):
    with pytest.raises(ValueError, match=rf"Holz value \({beta}\) must lie within \[-4, 4\]"):
        holz_entropy(beta)


def test_too_few_parties_are_refused():
    with pytest.raises(ValueError, match=r"number of parties \(1.0\) must lie within \[2, inf\]"):
        parity_chsh_key_rate(0.01, 1)
    with pytest.raises(ValueError, match=r"number of parties \(2.0\) must lie within \[3, inf\]"):
        conference_advantage_below(2)
