"""Renyi entropies of CHSH rounds: explicit qubit attacks must not beat them.

Every attack is a state of three systems; its Renyi entropies come from Eve's density matrices by
their definition, and share no code with the bounds.
"""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite import renyi
from qnetsim.security.finite.block import Block
from qnetsim.security.finite.renyi import chsh_renyi_entropy, renyi_key_length, tilted_entropy
from qnetsim.security.information import TSIRELSON, binary_entropy

PAULIS = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
orders = st.floats(1.0001, 2)
repeatable = settings(deadline=None, derandomize=True, max_examples=60)


class Attack:
    """Two qubits of any state, four observables, Eve with the purification."""

    def __init__(self, state, alice, bob):
        values, vectors = np.linalg.eigh(state)
        self.pure = (vectors * np.sqrt(values.clip(0))).reshape(2, 2, 4)
        self.alice, self.bob = ([_projectors(v) for v in party] for party in (alice, bob))
        self.eve = np.einsum("abe,abf->ef", self.pure, self.pure.conj())

    def win(self, x, y):
        return sum(np.trace(self._eve(x, y, a, a ^ (x & y))).real for a in (0, 1))

    @property
    def s(self):
        return 8 * np.mean([self.win(x, y) for x in (0, 1) for y in (0, 1)]) - 4

    def kept(self, x, alpha):
        """Q(A|E) of one of Alice's settings."""
        return sum(self._power(sum(self._eve(x, 0, a, b) for b in (0, 1)), alpha) for a in (0, 1))

    def tested(self, alpha, weight):
        """Q of bit and score, a loss weighted, settings uniform and known."""
        return np.mean(
            [
                sum(
                    (1 if a ^ b == x & y else weight) * self._power(self._eve(x, y, a, b), alpha)
                    for a in (0, 1)
                    for b in (0, 1)
                )
                for x in (0, 1)
                for y in (0, 1)
            ]
        )

    def _eve(self, x, y, a, b):
        after = np.einsum("ac,bd,cde->abe", self.alice[x][a], self.bob[y][b], self.pure)
        return np.einsum("abe,abf->ef", after, after.conj())

    def _power(self, part, alpha):
        values, vectors = np.linalg.eigh(self.eve)
        there = values > 1e-13
        scale = np.where(there, np.where(there, values, 1) ** ((1 - alpha) / (2 * alpha)), 0)
        half = (vectors * scale) @ vectors.conj().T
        return (np.linalg.eigvalsh(half @ part @ half).clip(0) ** alpha).sum()


def _projectors(direction):
    observable = np.tensordot(direction / np.linalg.norm(direction), PAULIS, 1)
    return (np.eye(2) + observable) / 2, (np.eye(2) - observable) / 2


def random_attacks(number, seed=3):
    """Around the ideal strategy, with noise of every size in state and directions."""
    rng = np.random.default_rng(seed)
    bell = np.array([1, 0, 0, 1]) / np.sqrt(2)
    ideal = [(0, 0, 1), (1, 0, 0)], [(1, 0, 1), (-1, 0, 1)]
    for _ in range(number):
        size = 10 ** rng.uniform(-3, 0.3)
        noise = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
        state = np.outer(bell, bell) + size * noise @ noise.conj().T / 30
        tilt = 10 ** rng.uniform(-2, 0.2)
        alice, bob = (np.array(p, float) + tilt * rng.normal(size=(2, 3)) for p in ideal)
        yield Attack(state / np.trace(state), alice, bob)


def bell_diagonal(s):
    """Eve's best attack on von Neumann's entropy at CHSH value s."""
    e = math.sqrt(s * s / 4 - 1)
    angle = math.atan(e)
    phases = np.array([[1, 0, 0, e], [0, 0, 0, 0], [0, 0, 0, 0], [e, 0, 0, 1]]) / 2
    bob = [(math.sin(angle), 0, math.cos(angle)), (-math.sin(angle), 0, math.cos(angle))]
    return Attack(phases, [(0, 0, 1), (1, 0, 0)], bob)


ATTACKS = list(random_attacks(150))


def test_attacks_cover_the_range_of_s():
    s = np.array([attack.s for attack in ATTACKS])
    assert np.histogram(s, [2, 2.2, 2.4, 2.6, 2.8, TSIRELSON])[0].min() >= 5


@pytest.mark.parametrize("alpha", [1.001, 1.1, 1.5, 2.0])
def test_no_attack_leaves_less_renyi_entropy_in_a_test_setting(alpha):
    for attack in ATTACKS:
        least = chsh_renyi_entropy(attack.s, alpha)
        for x in (0, 1):
            entropy = -math.log2(attack.kept(x, alpha)) / (alpha - 1)
            assert entropy >= least - 1e-9


@pytest.mark.parametrize("alpha", [1.001, 1.1, 1.5, 2.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 0.99, 1.0])
def test_no_attack_beats_the_bound_on_bit_and_score_of_a_test(alpha, weight):
    for attack in ATTACKS:
        s = np.array(attack.s)
        assert attack.tested(alpha, weight) <= renyi._tested(s, 0.5 - s / 8, alpha, weight) + 1e-9


@pytest.mark.parametrize("alpha", [1.001, 1.05, 1.5])
@pytest.mark.parametrize("tilt", [1.0, 30.0, 1000.0])
def test_no_mixture_of_attacks_beats_the_tilted_entropy(alpha, tilt):
    """Mixtures average, so that the worst attack is the worst mixture."""
    gamma, weight = 0.1, 2 ** (-(alpha - 1) * tilt)
    worst = max(
        (1 - gamma) * attack.kept(0, alpha) + gamma * attack.tested(alpha, weight)
        for attack in [*ATTACKS, *map(bell_diagonal, np.linspace(2.0001, 2.828, 40))]
    )
    assert -math.log2(worst) / (alpha - 1) >= tilted_entropy(1 + (alpha - 1), tilt, gamma) - 1e-9


@pytest.mark.parametrize("s", [2.2, 2.5, 2.75])
def test_bell_diagonal_attack_comes_as_near_as_the_order_comes_to_one(s):
    attack = bell_diagonal(s)
    assert attack.s == pytest.approx(s, abs=1e-9)
    gaps = []
    for excess in (0.1, 0.01, 0.001):
        entropy = -math.log2(attack.kept(0, 1 + excess)) / excess
        gaps.append(entropy - chsh_renyi_entropy(s, 1 + excess))
    assert min(gaps) >= -1e-9
    assert gaps[-1] < 0.01 * (1 + excess)


@repeatable
@given(s=st.floats(2, TSIRELSON))
def test_renyi_entropy_tends_to_von_neumanns_from_below(s):
    assert 0 <= chsh_entropy(s) - chsh_renyi_entropy(s, 1 + 1e-6) + 1e-9 < 1e-4


@repeatable
@given(s=st.floats(2, TSIRELSON), order=orders, more=orders)
def test_renyi_entropy_falls_as_its_order_grows(s, order, more):
    low, high = sorted((order, more))
    assert chsh_renyi_entropy(s, high) <= chsh_renyi_entropy(s, low) + 1e-9


@repeatable
@given(
    ends=st.tuples(st.floats(2, TSIRELSON), st.floats(2, TSIRELSON)),
    share=st.floats(0, 1),
    order=orders,
)
def test_mixing_strategies_gains_eve_nothing_over_the_mean_s(ends, share, order):
    shares = np.array([share, 1 - share])
    kept = 2 ** (-(order - 1) * chsh_renyi_entropy(np.array(ends), order))
    mixed = 2 ** (-(order - 1) * chsh_renyi_entropy(shares @ ends, order))
    assert shares @ kept <= mixed + 1e-12


@pytest.mark.parametrize("excess", [1e-4, 1e-2, 0.5, 1.0])
@pytest.mark.parametrize("tilt", [1.0, 100.0, 4000.0])
def test_local_devices_bound_the_tilted_entropy(excess, tilt):
    """They win three tests in four and hide nothing."""
    gamma, weight = 0.3, 2 ** (-excess * tilt)
    local = 1 - gamma + gamma * (3 / 4 + weight / 4)
    assert tilted_entropy(1 + excess, tilt, gamma) <= -math.log2(local) / excess + 1e-9


@pytest.mark.parametrize("tilt", [1.0, 20.0, 150.0, 4000.0])
@pytest.mark.parametrize("excess", [1e-4, 1e-2, 0.5])
def test_local_devices_pass_no_more_often_than_entropy_accumulation_allows(tilt, excess):
    """All that a local strategy does is known to Eve: no entropy, so passing itself must be rare.

    The exact chance to lose J of n tests at most, against 2^-((alpha-1)/alpha)(n h - J tilt).
    """
    n, gamma = 3000, 0.2
    entropy = n * tilted_entropy(1 + excess, tilt, gamma)
    loss, passing = gamma / 4, 0.0
    for lost in range(200):
        passing += math.exp(
            math.lgamma(n + 1)
            - math.lgamma(lost + 1)
            - math.lgamma(n - lost + 1)
            + lost * math.log(loss)
            + (n - lost) * math.log1p(-loss)
        )
        assert math.log2(passing) <= -excess / (1 + excess) * (entropy - lost * tilt) + 1e-6


@pytest.mark.parametrize("alpha", [1.05, 1.4, 2.0])
def test_rounds_of_devices_with_memory_multiply_over_states_changed_by_the_first(alpha):
    """The identity that the bound on all rounds rests on, for two instruments on one memory."""
    rng = np.random.default_rng(11)
    eve, memory = 3, 4
    pure = _normal(rng, (eve, memory, 2))
    state = np.einsum("erk,fsk->erfs", pure, pure.conj()) / np.linalg.norm(pure) ** 2
    first, second = (_instrument(rng, memory) for _ in range(2))
    marginal = np.einsum("erfr->ef", state)
    both, weights, factors = 0.0, [], []
    for a in (0, 1):
        after = _applied(first[a], state)
        both += _q([_applied(kraus, after) for kraus in second], marginal, alpha)
        root = _powered(marginal, (1 - alpha) / (2 * alpha))
        between = np.einsum("ef,frgs,gh->erhs", root, after, root)
        part = np.einsum("erfr->ef", between)
        weights.append(np.trace(_powered(part, alpha)).real)
        root = _powered(part, (alpha - 1) / 2)
        changed = np.einsum("ef,frgs,gh->erhs", root, between, root) / weights[-1]
        changed_eve = np.einsum("erfr->ef", changed)
        assert np.trace(changed_eve) == pytest.approx(1)
        factors.append(_q([_applied(kraus, changed) for kraus in second], changed_eve, alpha))
    assert both == pytest.approx(np.dot(weights, factors), rel=1e-9)
    alone = _q([_applied(kraus, state) for kraus in first], marginal, alpha)
    assert sum(weights) == pytest.approx(alone, rel=1e-9)


def _normal(rng, shape):
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def _instrument(rng, size):
    """Two outcomes of two Kraus operators each, [outcome, operator, out, in]."""
    isometry = np.linalg.qr(_normal(rng, (4 * size, size)))[0]
    return isometry.reshape(2, 2, size, size)


def _applied(kraus, state):
    return np.einsum("krs,esft,kut->erfu", kraus, state, kraus.conj())


def _powered(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values.clip(1e-18) ** exponent) @ vectors.conj().T


def _q(parts, marginal, alpha):
    """Q of outcomes whose states with the memory are parts, by its definition."""
    root = _powered(marginal, (1 - alpha) / (2 * alpha))
    states = [root @ np.einsum("erfr->ef", part) @ root for part in parts]
    return (np.linalg.eigvalsh(states).clip(0) ** alpha).sum()


def test_long_blocks_approach_the_asymptotic_rate():
    """The cost falls with the square root of n; the tests' score still costs its bits."""
    s, gamma = 2.7, 1e-2
    short, long = (
        renyi_key_length(Block(n, gamma, 0.5 + s / 8, 0.0), 1e-10).rate_bits_per_round
        for n in (10**10, 4 * 10**10)
    )
    score = gamma * float(binary_entropy(0.5 - s / 8))
    assert short < long < float(chsh_entropy(s)) - score
    assert 2 * long - short == pytest.approx(float(chsh_entropy(s)) - score, abs=2e-4)


@settings(deadline=None, derandomize=True, max_examples=3)
@given(n=st.integers(10**5, 10**8), gamma=st.floats(0.01, 0.2), eps=st.floats(1e-15, 1e-3))
def test_longer_blocks_and_laxer_soundness_make_more_key(n, gamma, eps):
    def rate(rounds, sound):
        return renyi_key_length(Block(rounds, gamma, 0.83, 0.1 * rounds), sound).bits / rounds

    assert rate(n, eps) <= rate(2 * n, eps) + 1e-6
    assert rate(n, eps) <= rate(n, min(4 * eps, 0.5)) + 1e-6


def test_renyi_orders_out_of_range_are_refused():
    with pytest.raises(ValueError, match="Renyi order"):
        chsh_renyi_entropy(2.5, 1.0)
    with pytest.raises(ValueError, match="Renyi order"):
        chsh_renyi_entropy(2.5, 2.1)
