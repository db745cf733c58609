"""Entropy bounds under noisy preprocessing, from halves of the test and with bias, and attacks.

Attacks are strategies of qubits evaluated from density matrices, by an eigenvalue routine and
``scipy.special.entr``: nothing of the modules under test enters them.
"""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import entr

from qnetsim.security.asymmetric import (
    asymmetric_deficit,
    asymmetric_entropy,
    asymmetric_slope,
    optimal_alpha,
)
from qnetsim.security.biased import biased_deficit, biased_entropy, biased_gradient
from qnetsim.security.chsh import chsh_deficit, chsh_entropy, chsh_slope
from qnetsim.security.information import ROUNDING_BITS, TSIRELSON, binary_entropy
from qnetsim.security.two_basis import two_basis_deficit, two_basis_entropy, two_basis_slope

FLIPS = [0.0, 0.02, 0.1, 0.3, 0.45, 0.49]
ALPHAS = [0.4, 0.8, 0.95, 1.0, 1.3]
Z, X = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
BELL = np.array([[1, 0, 0, 1], [1, 0, 0, -1], [0, 1, 1, 0], [0, 1, -1, 0]]).T / np.sqrt(2)
flips = st.floats(0, 0.5)


def entropy_bits(operators):
    return entr(np.clip(np.linalg.eigvalsh(operators), 0, None)).sum(-1) / np.log(2)


class Attacks(NamedTuple):
    """Strategies: Eve's states with each outcome of A0 and A1, and what the parties see.

    The states have shape (n, 2, 2, 4, 4): strategy, setting, outcome. ``steered`` is what A0 and
    A1 leave of Bob's qubit, (n, 2, 2, 2); ``bias`` is <A0>.
    """

    states: np.ndarray
    steered: np.ndarray
    bias: np.ndarray

    def entropy(self, setting, flip):
        kept = (1 - flip) * self.states[:, setting] + flip * self.states[:, setting, ::-1]
        return entropy_bits(kept).sum(-1) - entropy_bits(self.states[:, setting].sum(axis=1))

    def value(self, alpha=1.0):
        """alpha (<A0B0> + <A0B1>) + <A1B0> - <A1B1>, Bob doing his best."""
        weighted = alpha * self.steered[:, 0]
        return sum(
            np.abs(np.linalg.eigvalsh(weighted + sign * self.steered[:, 1])).sum(-1)
            for sign in (1, -1)
        )


@pytest.fixture(scope="module")
def attacks():
    """Bell-diagonal and arbitrary states, a good part of them violating CHSH."""
    rng = np.random.default_rng(415)
    n = 6_000
    psi = (BELL * np.sqrt(rng.dirichlet([0.15] * 4, 2 * n))[:, None, :]).astype(complex)
    noise = rng.normal(size=(n, 4, 4)) + 1j * rng.normal(size=(n, 4, 4))
    psi[n:] += noise * 10 ** rng.uniform(-3, 0, (n, 1, 1))
    psi /= np.linalg.norm(psi, axis=(-2, -1), keepdims=True)
    return evaluated(psi, rng.uniform(0, 2 * np.pi, (2 * n, 2)))


def evaluated(psi, angles):
    """psi has the amplitudes over both qubits (rows) and Eve's system (columns)."""
    adjoint = psi.conj().swapaxes(-1, -2)
    observables = np.cos(angles)[..., None, None] * Z + np.sin(angles)[..., None, None] * X
    signs = np.array([1, -1])[:, None, None]
    projectors = (np.eye(2) + signs * observables[:, :, None]) / 2
    on_pair = np.einsum("nsoij,kl->nsoikjl", projectors, np.eye(2)).reshape(
        *psi.shape[:1], 2, 2, 4, 4
    )
    states = adjoint[:, None, None] @ on_pair @ psi[:, None, None]
    pair = (psi @ adjoint).reshape(-1, 2, 2, 2, 2)
    steered = np.einsum("nsij,njkil->nskl", observables, pair)
    return Attacks(states, steered, np.trace(steered[:, 0], axis1=-2, axis2=-1).real)


def least_margin(entropy, bound, flip):
    return np.min(entropy - bound) / (1 - 2 * flip) ** 2


# Attacks


@pytest.mark.parametrize("flip", FLIPS)
def test_no_qubit_attack_lies_below_a_noisy_bound(attacks, flip):
    one, other = attacks.entropy(0, flip), attacks.entropy(1, flip)
    s = attacks.value()
    assert np.count_nonzero(s > 2.05) > 500
    assert least_margin(one, chsh_entropy(s, flip), flip) > -1e-10
    assert least_margin(one, biased_entropy(s, attacks.bias, flip), flip) > -1e-10
    assert least_margin((one + other) / 2, two_basis_entropy(s, flip), flip) > -1e-10
    for alpha in ALPHAS:
        bound = asymmetric_entropy(attacks.value(alpha), alpha, flip)
        assert least_margin(one, bound, flip) > -1e-10


@pytest.mark.parametrize("flip", FLIPS)
def test_no_mixture_of_attacks_lies_below_a_noisy_bound(attacks, flip):
    """Eve mixes a strategy with another or with fixed outcomes: S = 2, h(q) bits, any bias."""
    rng = np.random.default_rng(416)
    s, entropy = attacks.value(), attacks.entropy(0, flip)
    strong = np.flatnonzero(s > 2)
    i, j = rng.choice(strong, (2, 3000))
    weight = rng.uniform(0, 1, 3000)
    fixed = rng.random(3000) < 0.5
    rest = np.where(
        fixed, [[2.0], [1.0], [float(binary_entropy(flip))]], [s[j], attacks.bias[j], entropy[j]]
    )
    mixed = weight * np.array([s[i], attacks.bias[i], entropy[i]]) + (1 - weight) * rest
    assert least_margin(mixed[2], biased_entropy(mixed[0], mixed[1], flip), flip) > -1e-10
    assert least_margin(mixed[2], chsh_entropy(mixed[0], flip), flip) > -1e-10


def partial_attack(angle, overlap, flip):
    """S, <A0>, H(A0|E) for cos t |00>|e0> + sin t |11>|e1>, <e0|e1> = overlap, A0 = Z, A1 = X."""
    psi = np.zeros((len(angle), 4, 4), dtype=complex)
    psi[:, 0, 0] = np.cos(angle)
    psi[:, 3, 0] = np.sin(angle) * overlap
    psi[:, 3, 1] = np.sin(angle) * np.sqrt(1 - overlap**2)
    found = evaluated(psi, np.tile([0.0, np.pi / 2], (len(angle), 1)))
    return found.value(), found.bias, found.entropy(0, flip)


@pytest.mark.parametrize("flip", FLIPS)
def test_chsh_bound_is_reached_at_every_violation_and_noise(flip):
    overlap = np.linspace(0.05, 1, 15)
    s, bias, entropy = partial_attack(np.full(15, np.pi / 4), overlap, flip)
    assert np.abs(bias).max() < 1e-12
    assert entropy == pytest.approx(chsh_entropy(s, flip), abs=3e-12)


@pytest.mark.parametrize("flip", FLIPS)
def test_bound_with_bias_is_reached_by_one_attack_or_its_mixture_with_fixed_outcomes(flip):
    angle, overlap = (grid.ravel() for grid in np.mgrid[0.02:0.78:60j, 0.02:1:80j])
    s, bias, entropy = partial_attack(angle, overlap, flip)
    bound = biased_entropy(s, bias, flip)
    assert least_margin(entropy, bound, flip) > -1e-10
    slope = (s - 2) / (1 - bias)
    local = float(binary_entropy(flip))
    for k in (0.2, 0.5, 0.9):
        near = np.abs(slope - k) < 0.02
        steepness = (entropy - local)[near] / (1 - bias[near]) / slope[near]
        best = np.flatnonzero(near)[np.argmin(steepness)]
        mixed = 0.3 * np.array([s[best], bias[best], entropy[best]]) + 0.7 * np.array([2, 1, local])
        excess = mixed[2] - biased_entropy(mixed[0], mixed[1], flip)
        assert 0 <= excess + 1e-11 < 0.01 * (mixed[2] - local) + 2e-11


def test_rays_alone_would_lie_above_a_mixture_of_attacks_under_strong_noise():
    flip = 0.3
    local = float(binary_entropy(flip))

    def points(angle, overlap):
        return np.array(partial_attack(np.asarray(angle), np.asarray(overlap), flip))

    def steepness(s, bias, entropy):
        return (s - 2) / (1 - bias), (entropy - local) / (1 - bias)

    grid = np.mgrid[0.05:0.78:300j, 0.1:1:200j].reshape(2, -1)
    slope, rise = steepness(*points(*grid))
    ray = rise[np.abs(slope - 1.4) < 1e-3].min()
    inner = np.argmin(np.where(np.abs(slope - 1.04) < 4e-3, rise, np.inf))
    # An inner strategy, one of nearly fixed outcome and a fixed outcome, at slope 1.4 again.
    parts = np.column_stack([points(*grid[:, [inner]]), points([0.05], [1.0]), [2, 1, local]])
    for bias in (0.99, 0.995):
        wanted = [2 + 1.4 * (1 - bias), bias, 1]
        weights = np.linalg.solve(np.vstack([parts[:2], np.ones(3)]), wanted)
        assert (weights > 0).all()
        mixture = weights @ parts[2] - local
        assert mixture < 0.998 * ray * (1 - bias)
        assert biased_entropy(*wanted[:2], flip) - local <= mixture


def test_attacks_would_expose_a_noisy_bound_one_percent_too_high():
    flip = 0.3
    s, _, entropy = partial_attack(np.full(9, np.pi / 4), np.linspace(0.2, 0.9, 9), flip)
    deficit = 0.99 * chsh_deficit(s, flip)
    assert (1 - (1 - 2 * flip) ** 2 * deficit > entropy).all()


# Shape


@given(st.floats(2, TSIRELSON), st.floats(2, TSIRELSON), flips, st.floats(0, 1))
def test_noisy_bounds_are_convex_and_rise_with_the_chsh_value(s, t, flip, weight):
    for deficit in (chsh_deficit, two_basis_deficit):
        low, high = deficit(min(s, t), flip), deficit(max(s, t), flip)
        assert low >= high - 1e-11
        mixed = deficit(weight * s + (1 - weight) * t, flip)
        assert mixed >= weight * deficit(s, flip) + (1 - weight) * deficit(t, flip) - 1e-11


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 3), flips, st.floats(0, 1))
def test_asymmetric_bound_is_convex(p, r, alpha, flip, weight):
    most, local = 2 * np.sqrt(1 + alpha**2), 2 * max(alpha, 1)
    s, t = (local + x * (most - local) for x in (p, r))
    ends = weight * asymmetric_deficit(s, alpha, flip) + (1 - weight) * asymmetric_deficit(
        t, alpha, flip
    )
    assert asymmetric_deficit(weight * s + (1 - weight) * t, alpha, flip) >= ends - 1e-10


@given(*[st.floats(0, 1)] * 4, flips)
@settings(max_examples=40)
def test_planes_that_touch_the_bound_with_bias_lie_below_it_everywhere(a, b, p, r, flip):
    s, t = (2 + x * (2 * np.sqrt(2 - z**2) - 2) for z, x in ((a, p), (b, r)))
    by_s, by_bias = biased_gradient(s, a, flip)
    plane = biased_entropy(s, a, flip) + by_s * (t - s) + by_bias * (b - a)
    scale = max((1 - 2 * flip) ** 2, 1e-3)
    assert plane <= biased_entropy(t, b, flip) + 1e-7 * scale


@given(st.floats(2, TSIRELSON), st.floats(-1, 1), flips)
@settings(max_examples=40)
def test_bias_and_weights_never_lower_the_bound(s, bias, flip):
    assert (
        biased_deficit(s, bias, flip)
        <= chsh_deficit(min(s, 2 * np.sqrt(2 - bias**2)), flip) + 1e-11
    )
    assert asymmetric_deficit(s, 1.0, flip) == pytest.approx(
        float(chsh_deficit(s, flip)), abs=1e-11
    )
    assert two_basis_deficit(s, flip) <= chsh_deficit(s, flip) + 1e-11


@pytest.mark.parametrize("flip", FLIPS)
def test_two_basis_bound_is_the_lower_hull_of_its_curve(flip):
    c = np.linspace(0, 1, 4001)[1:-1]
    s = np.linspace(2, TSIRELSON, 401)
    m = (s[:, None] / 2 - c) / np.sqrt(1 - c**2)
    square = np.where((m >= 0) & (m <= 1), 1 - c**2 + c**2 * m**2, np.inf).min(axis=1)
    square[0], square[-1] = 0, 1
    wide = np.sqrt((1 - 2 * flip) ** 2 + 4 * flip * (1 - flip) * square)
    curve = (
        1
        + binary_entropy((1 + np.minimum(wide, 1)) / 2)
        - binary_entropy((1 + np.sqrt(square)) / 2)
    )
    chord = np.min((curve[1:] - curve[0]) / (s[1:] - 2))
    touch = np.argmin((curve[1:] - curve[0]) / (s[1:] - 2)) + 1
    hull = np.where(np.arange(401) < touch, curve[0] + chord * (s - 2), curve)
    excess = (hull - two_basis_entropy(s, flip)) / (1 - 2 * flip) ** 2
    assert excess.min() > -1e-9
    assert excess.max() < 1e-4


def test_best_alpha_is_that_of_a_search():
    rng = np.random.default_rng(417)
    for e1, e2, flip in zip(
        *rng.uniform([[1.1], [1.1], [0]], [[1.4], [1.4], [0.5]], (3, 12)), strict=True
    ):
        best = minimize_scalar(
            lambda a, e1=e1, e2=e2, flip=flip: float(asymmetric_deficit(a * e1 + e2, a, flip)),
            bounds=(0.05, 3),
            method="bounded",
            options={"xatol": 1e-9},
        )
        alpha = optimal_alpha(e1, e2, flip)
        assert asymmetric_deficit(alpha * e1 + e2, alpha, flip) <= best.fun + 1e-10


# Digits and derivatives


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.4, 0.49])
def test_slopes_are_the_derivatives_of_the_entropies(flip):
    s, h = np.linspace(2.02, 2.8, 40), 1e-6
    scale = (1 - 2 * flip) ** 2

    def difference(deficit, *more):
        return -(deficit(s + h, *more, flip) - deficit(s - h, *more, flip)) / (2 * h) * scale

    assert chsh_slope(s, flip) == pytest.approx(difference(chsh_deficit), rel=1e-7)
    assert two_basis_slope(s, flip) == pytest.approx(difference(two_basis_deficit), rel=1e-7)
    found = asymmetric_slope(s * 0.9, 0.8, flip)
    h = 1e-6 * 0.9
    expected = (
        -(asymmetric_deficit(s * 0.9 + h, 0.8, flip) - asymmetric_deficit(s * 0.9 - h, 0.8, flip))
        / (2 * h)
        * scale
    )
    assert found[s * 0.9 > 2.01] == pytest.approx(expected[s * 0.9 > 2.01], rel=1e-6)


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.4, 0.49])
def test_gradient_with_bias_is_the_derivative_within_the_limit(flip):
    bias = np.linspace(-0.9, 0.9, 12)
    s, h = 2 + 0.7 * (1 - np.abs(bias)), 1e-6
    by_s, by_bias = biased_gradient(s, bias, flip)
    scale = (1 - 2 * flip) ** 2 / (2 * h)
    change = biased_deficit(s - h, bias, flip) - biased_deficit(s + h, bias, flip)
    assert by_s == pytest.approx(change * scale, rel=1e-6)
    change = biased_deficit(s, bias - h, flip) - biased_deficit(s, bias + h, flip)
    assert by_bias == pytest.approx(change * scale, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    "deficit",
    [
        chsh_deficit,
        two_basis_deficit,
        lambda s, q: asymmetric_deficit(0.9 * s, 0.8, q),
        lambda s, q: biased_deficit(s, 0.3, q),
    ],
)
def test_deficits_have_a_limit_as_noise_nears_one_half(deficit):
    """They differ from it by the order (1 - 2q)^2 and keep their digits."""
    s = np.linspace(2.0, 2.7, 30)
    limit = deficit(s, 0.5)
    for contrast in (1e-2, 1e-4, 1e-8):
        assert np.abs(deficit(s, (1 - contrast) / 2) - limit).max() < 2 * contrast**2 + 5e-12


def test_limit_is_that_of_the_series():
    x = np.sqrt(np.linspace(2.1, 2.8, 20) ** 2 / 4 - 1)
    expected = (1 - x**2) * np.arctanh(x) / (2 * x * np.log(2))
    assert chsh_deficit(2 * np.sqrt(1 + x**2), 0.5) == pytest.approx(expected, abs=2e-12)


def test_a_table_for_long_arrays_changes_nothing():
    rng = np.random.default_rng(418)
    bias = rng.uniform(-1, 1, 20_000)
    s = 2 + rng.uniform(0, 1, 20_000) * (2 * np.sqrt(2 - bias**2) - 2)
    for flip in (0.0, 0.2):
        short = biased_entropy(s[:2000], bias[:2000], flip)
        assert biased_entropy(s, bias, flip)[:2000] == pytest.approx(short, abs=ROUNDING_BITS)


def test_tables_for_long_arrays_of_flips_and_weights_change_nothing():
    rng = np.random.default_rng(419)
    n, few = 20_000, 800
    s, flip, alpha = rng.uniform(2, TSIRELSON, n), rng.uniform(0, 0.5, n), rng.uniform(0.1, 1.2, n)
    flip[: few // 2] /= 100
    most, local = 2 * np.sqrt(1 + alpha**2), 2 * np.maximum(alpha, 1)
    tilted = local + rng.uniform(0, 1, n) * (most - local)
    for bound, points in (
        (two_basis_entropy, (s, flip)),
        (asymmetric_entropy, (tilted, alpha, flip)),
        (biased_entropy, (2 + (s - 2) / 2, rng.uniform(-0.5, 0.5, n), flip)),
    ):
        short = bound(*(values[:few] for values in points))
        assert np.abs(bound(*points)[:few] - short).max() < ROUNDING_BITS / 2


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.35, 0.5, 0.8])
def test_asymmetric_tangent_is_the_least_chord_at_small_weights_too(alpha):
    """Where the curve ends within 1e-8 of one bit an error of 1e-8 in y would show."""
    rest = np.geomspace(1e-16, alpha**2, 20_001)[1:-1]
    s = 2 * np.sqrt(1 - rest + alpha**2)
    chord = np.min((1 - binary_entropy((1 - np.sqrt(1 - rest)) / 2)) / (s - 2))
    inside = 2 + np.linspace(0.01, 0.5, 20) * (2 * np.sqrt(1 + alpha**2) - 2)
    excess = asymmetric_entropy(inside, alpha) - chord * (inside - 2)
    assert excess.max() <= 0
    assert excess.min() > -1e-6


def test_no_violation_leaves_the_entropy_of_the_noise():
    for flip in FLIPS:
        local = binary_entropy(flip)
        found = [
            chsh_entropy(1.5, flip),
            two_basis_entropy(2.0, flip),
            asymmetric_entropy(1.9, 0.8, flip),
            asymmetric_entropy(2.6, 1.3, flip),
            biased_entropy([2.0, 1.0, 2.0], [0.3, 1.0, 1.0], flip),
        ]
        for entropy in found:
            assert entropy == pytest.approx(local, abs=3e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chsh_entropy(2.5, 0.6), r"flip probability \(0.6\) must lie within \[0, 0.5\]"),
        (lambda: biased_entropy(2.5, 1.1), r"bias \(1.1\) must lie within \[-1, 1\]"),
        (lambda: biased_entropy(4.5, 0.1), r"CHSH value \(4.5\)"),
        (lambda: asymmetric_entropy(2.5, -0.1), r"alpha \(-0.1\) must lie within"),
        (lambda: asymmetric_entropy(4.5, 1.0), r"must lie within \[-1, 1\]"),
        (lambda: optimal_alpha(2.1, 1.0), r"first half \(2.1\) must lie within \[-2, 2\]"),
    ],
)
def test_impossible_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_gradient_with_bias_takes_single_points_beyond_the_steepest_ray():
    single = biased_gradient(2.001, 0.999, 0.5)
    row = biased_gradient([2.001], [0.999], 0.5)
    assert np.ravel(single) == pytest.approx(np.ravel(row), rel=1e-12)
