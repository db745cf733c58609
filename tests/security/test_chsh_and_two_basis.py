"""The CHSH entropy bounds: published figures, shape, and attacks that must not beat them.

The attacks are qubit strategies evaluated from density matrices: an eigenvalue routine and
``scipy.special.entr`` give every entropy, and nothing of the module under test enters them.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize
from scipy.special import entr

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.information import ROUNDING_BITS, TSIRELSON, binary_entropy
from qnetsim.security.rates import chsh_key_rate, two_basis_key_rate
from qnetsim.security.two_basis import two_basis_entropy

BOUNDS = [chsh_entropy, two_basis_entropy]
MUNICH = {"s": 2.578, "q0": 0.0781, "q1": 0.0777}
"""Nature 607, 687 (2022): CHSH value and the key error rates of the two bases."""

violation = st.floats(1.9, TSIRELSON)
any_chsh = st.floats(-4, 4)
repeatable = settings(deadline=None, derandomize=True)


# Figures


def test_binary_entropy_of_known_probabilities():
    p = [0, 1, 0.5, 0.25, 0.11]
    expected = [0, 0, 1, 2 - 0.75 * np.log2(3), 0.499916]
    assert binary_entropy(p) == pytest.approx(expected, abs=1e-6)
    assert not np.signbit(binary_entropy(p)).any()


def test_chsh_entropy_at_munich_value():
    assert chsh_entropy(2.578) == pytest.approx(0.5525107, abs=1e-7)


def test_munich_data_give_the_reference_rate_from_two_bases():
    assert two_basis_entropy(MUNICH["s"]) == pytest.approx(0.6760, abs=1e-4)
    assert two_basis_key_rate(**MUNICH, sifting=0.25) == pytest.approx(0.0703, abs=1e-4)


def test_munich_worst_case_makes_key_from_two_bases_only():
    s, q = 2.4256, 0.107
    assert two_basis_key_rate(s, q, q, 0.25) == pytest.approx(0.00147, abs=1e-5)
    assert chsh_key_rate(s, q, 0.25) == pytest.approx(-0.02941, abs=1e-5)


def test_error_threshold_under_depolarising_noise():
    def threshold(rate):
        return brentq(lambda q: rate(TSIRELSON * (1 - 2 * q), q), 0.05, 0.1)

    assert threshold(lambda s, q: chsh_key_rate(s, q, 1)) == pytest.approx(0.07149, abs=2e-5)
    assert threshold(lambda s, q: two_basis_key_rate(s, q, q, 1)) == pytest.approx(0.0836, abs=1e-4)


def test_rates_agree_when_both_bases_err_alike_and_scale_with_sifting():
    whole = two_basis_key_rate(2.7, 0.03, 0.05, 1)
    assert two_basis_key_rate(2.7, 0.05, 0.03, 0.5) == pytest.approx(whole / 2)
    gain = two_basis_key_rate(2.7, 0.03, 0.03, 1) - chsh_key_rate(2.7, 0.03, 1)
    assert gain == pytest.approx(two_basis_entropy(2.7) - chsh_entropy(2.7))


# Shape


@pytest.mark.parametrize("bound", BOUNDS)
def test_no_entropy_without_violation_and_one_bit_at_the_quantum_limit(bound):
    assert np.array_equal(bound([-4, -TSIRELSON, 0, 2]), np.zeros(4))
    assert 1 - 2 * ROUNDING_BITS < bound(TSIRELSON) < 1


@pytest.mark.parametrize("bound", BOUNDS)
def test_estimate_beyond_the_quantum_limit_counts_as_the_limit(bound):
    assert np.array_equal(bound([2.9, 4.0]), np.full(2, bound(TSIRELSON)))


@pytest.mark.parametrize("bound", BOUNDS)
def test_arrays_keep_their_shape_and_match_scalars(bound):
    s = np.linspace(1.9, 2.9, 12).reshape(3, 4)
    assert bound(s).shape == s.shape
    assert bound(s).ravel() == pytest.approx([bound(x) for x in s.flat], abs=1e-14)


@pytest.mark.parametrize("bound", BOUNDS)
@given(any_chsh, any_chsh)
@repeatable
def test_entropy_never_falls_as_the_violation_grows(bound, s, t):
    low, high = sorted((s, t))
    assert 0 <= bound(low) <= bound(high) + 1e-13 <= 1


@pytest.mark.parametrize("bound", BOUNDS)
@given(violation, violation, st.floats(0, 1))
@settings(repeatable, max_examples=300)
def test_entropy_is_convex_in_the_chsh_value(bound, s, t, weight):
    mixture = weight * s + (1 - weight) * t
    assert bound(mixture) <= weight * bound(s) + (1 - weight) * bound(t) + 2 * ROUNDING_BITS


@given(any_chsh)
@repeatable
def test_two_bases_are_never_worse_than_one(s):
    assert two_basis_entropy(s) >= chsh_entropy(s) - 1e-13


def test_two_basis_entropy_is_the_lower_hull_of_a_grid_search():
    s = np.linspace(2, TSIRELSON, 801)
    angle = np.linspace(0, np.pi / 2, 20_001)[1:-1]
    cos, sin = np.cos(angle), np.sin(angle)
    square = []
    for half in s / 2:
        x = (half - cos) / sin
        feasible = np.where((x > -1e-12) & (x < 1 + 1e-12), sin**2 + cos**2 * x**2, 1)
        square.append(min(feasible.min(), 1))
    p = (1 + np.sqrt([0, *square[1:]])) / 2
    curve = 1 - (entr(p) + entr(1 - p)) / np.log(2)
    hull: list[int] = []
    for k in range(len(s)):
        while len(hull) > 1 and _turns_right(s, curve, hull[-2], hull[-1], k):
            hull.pop()
        hull.append(k)
    excess = np.interp(s, s[hull], curve[hull]) - two_basis_entropy(s)
    assert excess.min() >= 0
    assert excess.max() < 1e-6


def _turns_right(x, y, a, b, c):
    return (y[b] - y[a]) * (x[c] - x[b]) >= (y[c] - y[b]) * (x[b] - x[a])


# Errors


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("s", [4.01, -4.5, np.nan, np.inf])
def test_impossible_chsh_value_is_refused(bound, s):
    with pytest.raises(ValueError, match=rf"CHSH value \({s}\) must lie within \[-4, 4\]"):
        bound([2.5, s])


@pytest.mark.parametrize("p", [-0.1, 1.5, np.nan])
def test_impossible_probability_is_refused(p):
    with pytest.raises(ValueError, match=rf"probability \({p}\) must lie within \[0, 1\]"):
        binary_entropy(p)


def test_impossible_sifting_is_refused():
    with pytest.raises(ValueError, match=r"sifting \(2.0\) must lie within \[0, 1\]"):
        chsh_key_rate(2.5, 0.05, 2)
    with pytest.raises(ValueError, match=r"sifting \(-1.0\) must lie within \[0, 1\]"):
        two_basis_key_rate(2.5, 0.05, 0.05, -1)


# Attacks

Z, X = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
BELL = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]).T / np.sqrt(2)
SLOPES = [0.8, 1.0, 1.1, 1.195, 1.3, 1.5, 2.0]


class Attacks(NamedTuple):
    """CHSH value, H(A0|E) and (H(A0|E) + H(A1|E))/2 of strategies, each of shape (n,)."""

    s: np.ndarray
    one: np.ndarray
    mean: np.ndarray

    def entropy(self, bound):
        return self.one if bound is chsh_entropy else self.mean


def entropy_bits(operators):
    return entr(np.clip(np.linalg.eigvalsh(operators), 0, None)).sum(-1) / np.log(2)


def attack(psi, angles):
    """Evaluates strategies: Eve's purification and Alice's observables; Bob does his best.

    psi, shape (n, 4, 4), holds the amplitudes over Alice's and Bob's qubits (rows) and Eve's
    system (columns); angles, shape (n, 2), are those of A0 and A1 from Z towards X.
    """
    adjoint = psi.conj().swapaxes(-1, -2)
    observables = np.cos(angles)[..., None, None] * Z + np.sin(angles)[..., None, None] * X
    eve = entropy_bits(adjoint @ psi)
    entropies = []
    for k in range(2):
        joint = 0
        for sign in (1, -1):
            projector = (np.eye(2) + sign * observables[:, k]) / 2
            on_pair = np.einsum("nij,kl->nikjl", projector, np.eye(2)).reshape(-1, 4, 4)
            joint = joint + entropy_bits(adjoint @ on_pair @ psi)
        entropies.append(joint - eve)
    pair = (psi @ adjoint).reshape(-1, 2, 2, 2, 2)
    s = 0
    for sign in (1, -1):
        steered = np.einsum("nij,njkil->nkl", observables[:, 0] + sign * observables[:, 1], pair)
        s = s + np.abs(np.linalg.eigvalsh(steered)).sum(-1)
    return Attacks(s, entropies[0], (entropies[0] + entropies[1]) / 2)


def bell_diagonal(amplitudes):
    return BELL * (amplitudes / np.linalg.norm(amplitudes, axis=-1, keepdims=True))[:, None, :]


@pytest.fixture(scope="module")
def random_attacks():
    """Bell-diagonal and arbitrary two-qubit states, a good part of them violating CHSH."""
    rng = np.random.default_rng(20230)
    n = 40_000
    amplitudes = np.sqrt(rng.dirichlet([0.15] * 4, 2 * n))
    psi = bell_diagonal(amplitudes).astype(complex)
    noise = rng.normal(size=(n, 4, 4)) + 1j * rng.normal(size=(n, 4, 4))
    psi[n:] += noise * 10 ** rng.uniform(-3, 0, (n, 1, 1))
    psi /= np.linalg.norm(psi, axis=(-2, -1), keepdims=True)
    return attack(psi, rng.uniform(0, 2 * np.pi, (2 * n, 2)))


@pytest.fixture(scope="module")
def best_attacks():
    """For each bound and slope, the Bell-diagonal attack that minimises entropy - slope * S."""
    rng = np.random.default_rng(20231)

    def best(bound, slope):
        def cost(x):
            found = attack(bell_diagonal(x[None, :4]), x[None, 4:])
            return (found.entropy(bound) - slope * found.s)[0]

        starts = [np.r_[rng.normal(size=4), rng.uniform(0, 2 * np.pi, 2)] for _ in range(4)]
        options = {"xatol": 1e-7, "fatol": 1e-11, "maxfev": 3000, "adaptive": True}
        runs = [minimize(cost, x, method="Nelder-Mead", options=options) for x in starts]
        x = min(runs, key=lambda run: run.fun).x
        return attack(bell_diagonal(x[None, :4]), x[None, 4:])

    return {
        bound: Attacks(*np.hstack([best(bound, slope) for slope in SLOPES])) for bound in BOUNDS
    }


def shortfall(bound, attacks, factor=1.0):
    """How far the lowest attack lies below factor times the bound (bits)."""
    return np.max(factor * bound(attacks.s) - attacks.entropy(bound))


@pytest.mark.parametrize("bound", BOUNDS)
def test_no_random_qubit_attack_lies_below_the_bound(bound, random_attacks):
    assert np.count_nonzero(random_attacks.s > 2.05) > 4_000
    assert shortfall(bound, random_attacks) < 1e-9


@pytest.mark.parametrize("bound", BOUNDS)
def test_no_optimised_qubit_attack_lies_below_the_bound(bound, best_attacks):
    assert max(shortfall(bound, attacks) for attacks in best_attacks.values()) < 1e-9


@pytest.mark.parametrize("bound", BOUNDS)
def test_attacks_would_expose_a_bound_two_percent_too_high(bound, best_attacks):
    found = best_attacks[bound]
    inside = Attacks(*(values[found.s < 2.8] for values in found))  # beyond, 2 % exceeds one bit
    assert shortfall(bound, inside, factor=1.02) > 1e-3


def test_one_basis_bound_is_reached_by_an_attack_at_every_violation(best_attacks):
    found = best_attacks[chsh_entropy]
    assert found.s.min() < 2.2
    assert found.s.max() > 2.75
    assert found.one == pytest.approx(chsh_entropy(found.s), abs=1e-6)


def test_two_basis_bound_lies_little_below_the_best_mixed_attack(best_attacks):
    """The attack mixes a local strategy (S = 2, no entropy) with one near S = 2.776."""
    found = best_attacks[two_basis_entropy]
    chord = np.min(found.mean[found.s > 2.05] / (found.s[found.s > 2.05] - 2))
    s = np.linspace(2, 2.77, 100)
    gap = chord * (s - 2) - two_basis_entropy(s)
    assert gap.min() >= 0
    assert 0.25 * (chord * 0.578 - 0.394736) == pytest.approx(0.0734, abs=1e-4)  # Munich's rate
    assert gap.max() == pytest.approx(0.0124, abs=5e-4)
