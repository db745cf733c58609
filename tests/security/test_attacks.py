"""Explicit attacks: they are what they say they are, and as strong as theory allows.

What a mixture yields is worked out again from the joint state of Alice's bit and all that Eve
holds, by ``scipy.special.entr`` on eigenvalues; nothing of the module enters.
"""

import numpy as np
import pytest
from scipy.special import entr

from qnetsim.keys.postselection import key_round_entropy
from qnetsim.physics.pair_bell_test import outcome_table
from qnetsim.physics.spdc import PairState, Receiver, SpdcSource, linear, pulse_clicks
from qnetsim.security.asymmetric import asymmetric_entropy
from qnetsim.security.attacks import CHSH, behaviour_attack, statistics_attack
from qnetsim.security.behaviour import Behaviour
from qnetsim.security.biased import biased_entropy
from qnetsim.security.npa.problem import RawKey

LEFT_OUT = 1e-6
"""How far (bits) the search may end above the least entropy; it stops at gains below 1e-7."""

BIAS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]])
MUNICH_S, MUNICH_ERRORS = 2.578, (0.0781, 0.0777)
SIGNS = np.array([1.0, -1.0])


def rng(seed=5):
    return np.random.default_rng(seed)


def bits(p):
    return entr(np.clip(p, 0, None)).sum() / np.log(2)


def h(p):
    return bits(np.array([p, 1 - p]))


def phi(x):
    return h((1 + x) / 2)


def chsh_entropy(s, q=0.0):
    """Ho et al. 2020."""
    x2 = s**2 / 4 - 1
    return 1 + phi(np.sqrt((1 - 2 * q) ** 2 + 4 * q * (1 - q) * x2)) - phi(np.sqrt(x2))


def observable(angle):
    return np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])


def lossy_behaviour(tilt, alice, bob, efficiency):
    """The statistics of cos t |00> + sin t |11>; no click counts as +1."""
    psi = np.array([np.cos(tilt), 0, 0, np.sin(tilt)])

    def effects(angle):
        seen = [(np.eye(2) + sign * observable(angle)) / 2 * efficiency for sign in SIGNS]
        return np.array([seen[0] + (1 - efficiency) * np.eye(2), seen[1]])

    each = [[np.kron(effects(x)[a], effects(y)[b]) for x in alice for y in bob] for a, b in CELLS]
    p = np.einsum("i,kmij,j->mk", psi, np.array(each), psi)
    return Behaviour(p.reshape(len(alice), len(bob), 2, 2))


CELLS = [(0, 0), (0, 1), (1, 0), (1, 1)]
IDEAL = lossy_behaviour(np.pi / 4, (0, np.pi / 2), (np.pi / 4, -np.pi / 4), 1.0)
EFFICIENCY, TILT, ALICE, BOB, BOB_KEY = 0.9026, 0.4832, (-0.0768, 1.5280), (0.5784, -0.9239), -0.09
"""Partly entangled pairs at the published efficiency; state and angles of the largest cap found."""


def key_errors(tilt, alice, bob, efficiency):
    """H(A|B) in bits where Alice counts no click as +1 and Bob keeps it apart."""
    psi = np.array([np.cos(tilt), 0, 0, np.sin(tilt)])
    a, b = (
        efficiency * (np.eye(2) + np.multiply.outer(SIGNS, observable(t))) / 2 for t in (alice, bob)
    )
    a[0] += (1 - efficiency) * np.eye(2)
    joint = [psi @ np.kron(x, y) @ psi for x in a for y in (*b, (1 - efficiency) * np.eye(2))]
    joint = np.array(joint).reshape(2, 3)
    return bits(joint) - bits(joint.sum(axis=0))


def recomputed(attack):
    """P[x, y, a, b] and H(A|E) of a kept key round, from the state of (bit, Eve, her memory)."""
    behaviour, joint = 0, []
    for weight, (psi, alice, bob) in zip(attack.weights, attack.strategies, strict=True):
        state = np.einsum("pe,qf->pqef", psi, psi.conj())
        projectors = [[(np.eye(2) + s * o) / 2 for s in SIGNS] for o in (*alice[1:], *bob[1:])]
        mine, theirs = projectors[: len(alice) - 1], projectors[len(alice) - 1 :]

        def eve(a, b, state=state):
            return np.einsum("pq,qpef->ef", np.kron(a, b), state)

        behaviour = behaviour + weight * np.array(
            [
                [[[np.trace(eve(a, b)) for b in outcomes] for a in effects] for outcomes in theirs]
                for effects in mine
            ]
        )
        for key in attack.keys:
            block = np.zeros((2, 4, 4))
            for k, a in np.ndindex(2, 2):
                flip = key.flip if k != a else 1 - key.flip
                for b in range(2):
                    kept = key.kept_alice[a] * key.kept_bob[b]
                    block[k] += flip * kept * eve(mine[key.alice][a], theirs[key.bob or 0][b])
            joint.append(weight / len(attack.keys) * block)
    joint = np.array(joint) / np.trace(np.sum(joint, axis=(0, 1)))
    whole = sum(bits(np.linalg.eigvalsh(block)) for memory in joint for block in memory)
    return behaviour, whole - sum(bits(np.linalg.eigvalsh(memory.sum(0))) for memory in joint)


def assert_genuine(attack):
    behaviour, entropy = recomputed(attack)
    assert attack.weights.min() > 0
    assert attack.weights.sum() == pytest.approx(1, abs=1e-12)
    assert attack.residual < 1e-8
    assert attack.behaviour() == pytest.approx(behaviour, abs=1e-10)
    assert attack.entropy_bits() == pytest.approx(entropy, abs=1e-9)


# One or two mean values


@pytest.mark.parametrize(("s", "q"), [(2.02, 0.0), (2.3, 0.1), (2.578, 0.0), (2.8, 0.3)])
def test_chsh_attack_reaches_the_tight_bound(s, q):
    attack = statistics_attack([CHSH], [s], [RawKey(0, q)], rng())
    assert attack.entropy_bits() == pytest.approx(chsh_entropy(s, q), abs=LEFT_OUT)
    assert np.tensordot(CHSH, attack.correlators(), 2) == pytest.approx(s, abs=1e-8)
    assert_genuine(attack)


def test_without_violation_eve_knows_everything_but_the_noise():
    attack = statistics_attack([CHSH], [1.9], [RawKey(0, 0.1)], rng())
    assert attack.entropy_bits() == pytest.approx(h(0.1), abs=1e-12)


def test_two_bases_at_munich_are_capped_by_a_mixture_with_a_local_strategy():
    attack = statistics_attack([CHSH], [MUNICH_S], [RawKey(0, 0.0), RawKey(1, 0.0)], rng())
    leaked = np.mean([h(q) for q in MUNICH_ERRORS])
    assert 0.25 * (attack.entropy_bits() - leaked) == pytest.approx(0.0734, abs=5e-5)
    assert min(np.tensordot(CHSH, s, 2) for s in each_table(attack)) == pytest.approx(2, abs=1e-6)
    assert_genuine(attack)


def each_table(attack):
    return [
        np.einsum("pe,qe,xij,ykl,ikjlpq->xy", psi, psi, alice, bob, UNFOLD)
        for psi, alice, bob in attack.strategies
    ]


UNFOLD = np.einsum("abp,cdq->abcdpq", np.eye(4).reshape(2, 2, 4), np.eye(4).reshape(2, 2, 4))


@pytest.mark.parametrize(("weight", "s", "q"), [(1.2, 3.0, 0.2), (2.0, 4.3, 0.0)])
def test_asymmetric_attack_reaches_the_tight_bound(weight, s, q):
    """Woodhead, Acin and Pironio 2021: the entropy is f_q(s^2/4 - weight^2) for weight >= 1."""
    statistic = CHSH * np.array([0, weight, 1])[:, None]
    attack = statistics_attack([statistic], [s], [RawKey(0, q)], rng())
    expected = chsh_entropy(2 * np.sqrt(1 + s**2 / 4 - weight**2), q)
    assert attack.entropy_bits() == pytest.approx(expected, abs=LEFT_OUT)
    assert_genuine(attack)


@pytest.mark.parametrize(("s", "bias"), [(2.6, 0.2), (2.4, 0.5)])
def test_attack_on_s_and_bias_reaches_the_published_bound(s, bias):
    """Masini, Pironio and Woodhead 2022, without noise: phi(z) - phi(sqrt(z^2 + S^2/4 - 1)).

    Mixing with a local strategy of bias 1 pays at the second point: least along rays from there.
    """
    attack = statistics_attack([CHSH, BIAS], [s, bias], [RawKey(0, 0.0)], rng())
    share = np.linspace(0.7, 1, 3001)
    z, x2 = 1 + (bias - 1) / share, (1 + (s / 2 - 1) / share) ** 2 - 1
    along = [
        k * (phi(u) - phi(np.sqrt(u**2 + v)))
        for k, u, v in zip(share, z, x2, strict=True)
        if u**2 + v <= 1
    ]
    assert attack.entropy_bits() == pytest.approx(min(along), abs=LEFT_OUT)
    assert_genuine(attack)


@pytest.mark.parametrize(
    ("statistics", "values", "q", "bound"),
    [
        ([CHSH, BIAS], [2.45, 0.3], 0.2, biased_entropy),
        ([CHSH * [[0], [0.6], [1]]], [2.1], 0.2, lambda s, q: asymmetric_entropy(s, 0.6, q)),
    ],
)
def test_bounds_with_noise_are_reached_by_attacks(statistics, values, q, bound):
    attack = statistics_attack(statistics, values, [RawKey(0, q)], rng())
    excess = attack.entropy_bits() - bound(*values, q)
    assert -1e-9 < excess < LEFT_OUT


# Whole behaviours


def test_ideal_correlations_leave_eve_nothing():
    attack = behaviour_attack(IDEAL, [RawKey(0, 0.0)], rng())
    assert attack.entropy_bits() == pytest.approx(1, abs=1e-6)
    assert_genuine(attack)


def test_full_statistics_at_the_published_efficiency_are_capped_at_a_rate_of_two_ninths():
    """Of states and angles of this kind, these leave the most; SDP bounds reach .174 to .188."""
    behaviour = lossy_behaviour(TILT, ALICE, BOB, EFFICIENCY)
    attack = behaviour_attack(behaviour, [RawKey(0, 0.0)], rng())
    rate = attack.entropy_bits() - key_errors(TILT, ALICE[0], BOB_KEY, EFFICIENCY)
    assert rate == pytest.approx(0.2186, abs=1e-4)
    assert attack.entropy_bits() > chsh_entropy(behaviour.chsh) + 0.1
    assert_genuine(attack)


@pytest.mark.parametrize("seed", [0, 3])
def test_attack_lies_between_the_chsh_bound_and_what_made_the_statistics(seed):
    """Eve can play the honest devices, told which click is lost."""
    draw = np.random.default_rng(seed)
    tilt, efficiency = draw.uniform(0.6, np.pi / 4), draw.uniform(0.95, 1)
    angles = np.array([0, np.pi / 2, np.pi / 4, -np.pi / 4]) + draw.normal(0, 0.05, 4)
    p = lossy_behaviour(tilt, angles[:2], angles[2:], efficiency)
    entropy = behaviour_attack(p, [RawKey(0, 0.0)], rng()).entropy_bits()
    honest = efficiency * h(np.cos(angles[0]) * np.cos(2 * tilt) / 2 + 0.5)
    assert p.chsh > 2.2  # so that the closed form is not trivial
    assert chsh_entropy(p.chsh) - 1e-9 < entropy < honest + 1e-6


USTC = PairState(np.radians(20.0), visibility=(4 * 0.9950 - 1) / 3)
USTC_PAIRS, USTC_ETA = 0.04542602, (0.8716, 0.8782)
USTC_DEG = (-88.22, 54.29), (9.75, -21.45, -1.07)


def ustc_attack(keep_no_click, noise, loss_db=0.0):
    """Returns P[x, y, a, b], clicks first, and the attack on its post-selected noisy key."""
    receivers = [Receiver((eta * 10 ** (-loss_db / 10),)) for eta in USTC_ETA]
    x, y = (linear(np.radians(angles)) for angles in USTC_DEG)
    clicks = pulse_clicks(SpdcSource(USTC, USTC_PAIRS, np.inf), (x[:, None], y), receivers)
    table = outcome_table(clicks, ((0.0, 1.0), (0.0, 1.0)))
    key = RawKey(0, noise, (1.0, keep_no_click), 2, (1.0, keep_no_click))
    return table, behaviour_attack(Behaviour(table), [key], rng())


def test_post_selected_photon_pairs_leave_little_more_entropy_than_is_printed():
    """USTC 2022 prints H(A|E,V) = .560206, an SDP bound; no bound can exceed .56055."""
    _, attack = ustc_attack(0.96, 0.13)
    assert attack.entropy_bits() == pytest.approx(0.560549, abs=2e-6)
    assert attack.entropy_bits() > 0.560206
    assert_genuine(attack)


@pytest.mark.slow
def test_no_bound_for_this_source_reaches_the_printed_rate_at_220_m():
    """An attack on the same source, losses added, leaves .64 bit a second; 2.6 are printed."""
    table, attack = ustc_attack(0.99, 0.49, loss_db=0.2 * 0.1)
    (key,) = attack.keys
    errors = key_round_entropy(table[0, 2], (key.kept_alice, key.kept_bob), key.flip)
    rate = 2e6 * errors.kept * (attack.entropy_bits() - errors.entropy_bits)
    assert rate == pytest.approx(0.637, abs=2e-3)
    assert rate < 2.6 / 4
    assert_genuine(attack)


# Refusals


def test_statistics_just_outside_the_quantum_set_have_no_attack():
    """White noise removed: the CHSH value is the largest, but with these marginals none has it."""
    tilted = lossy_behaviour(0.6, (0, np.pi / 2), (0.7, -0.7), 1.0)
    p = 1.02 * tilted.table - 0.02 / 4
    assert p.min() > 0
    with pytest.raises(ValueError, match="missed by"):
        behaviour_attack(Behaviour(p), [RawKey(0, 0.0)], rng())


def test_a_chsh_value_beyond_the_quantum_limit_has_no_attack():
    with pytest.raises(ValueError, match=r"missed by 0\.07"):
        statistics_attack([CHSH], [2.9], [RawKey(0, 0.0)], rng())


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([RawKey(0, 0.49999)], "noise .* must lie within"),
        ([], "flipped and kept alike"),
        ([RawKey(0, 0.0), RawKey(1, 0.1)], "flipped and kept alike"),
        ([RawKey(0, 0.0), RawKey(2, 0.0)], r"Alice's key setting \(.*\) must lie within \[0, 1\]"),
        ([RawKey(0, 0.0, bob=2)], r"Bob's key setting \(.*\) must lie within \[0, 1\]"),
        ([RawKey(-1, 0.0)], r"Alice's key setting \(.*\) must lie within \[0, 1\]"),
    ],
)
def test_raw_keys_that_do_not_exist_or_differ_are_refused(keys, words):
    with pytest.raises(ValueError, match=words):
        statistics_attack([CHSH], [2.5], keys, rng())


def test_post_selection_takes_the_whole_behaviour():
    key = RawKey(0, 0.0, (1.0, 0.9))
    with pytest.raises(ValueError, match="whole behaviour"):
        statistics_attack([CHSH], [2.5], [key], rng())


def test_same_start_finds_the_same_attack():
    first, second = (statistics_attack([CHSH], [2.6], [RawKey(0, 0.0)], rng()) for _ in range(2))
    assert np.array_equal(first.behaviour(), second.behaviour())
