"""Observed statistics: what quantum devices can do passes, all else is refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.security.behaviour import Behaviour, BehaviourError, moments_of, nearest_behaviour
from qnetsim.security.hardware import binned, pair_behaviour

ROOT = 2**-0.5


def table(products, alice=0.0, bob=0.0):
    products = np.array(products, dtype=float)
    law = np.empty((*products.shape, 2, 2))
    for i, a in enumerate((1, -1)):
        for j, b in enumerate((1, -1)):
            law[..., i, j] = (1 + a * alice + b * bob + a * b * products) / 4
    return law


def test_means_and_products_are_read_off_the_table():
    found = Behaviour(table([[0.6, 0.5, 0.1], [0.6, -0.5, 0.2]], 0.1, -0.2))
    assert found.alice == pytest.approx([0.1, 0.1])
    assert found.bob == pytest.approx([-0.2] * 3)
    assert found.correlators == pytest.approx(np.array([[0.6, 0.5, 0.1], [0.6, -0.5, 0.2]]))
    assert found.chsh == pytest.approx(2.2)
    assert len(found.moments()) == 11


def test_the_quantum_limit_itself_passes():
    assert Behaviour(table([[ROOT, ROOT], [ROOT, -ROOT]])).chsh == pytest.approx(8**0.5)


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, -1)])
def test_deterministic_outcomes_pass(signs):
    a, b = signs
    assert Behaviour(table(np.full((2, 3), a * b), a, b)).moments() == pytest.approx(
        [a] * 2 + [b] * 3 + [a * b] * 6
    )


@given(
    st.floats(0, np.pi / 2),
    st.lists(st.floats(-np.pi, np.pi), min_size=4, max_size=4),
    st.floats(0.3, 1),
)
def test_lossy_pairs_pass_whatever_their_settings(state, angles, eta):
    law = pair_behaviour(state, np.array(angles[:2]), np.array(angles[2:]), 1.0, (eta, eta))
    Behaviour(binned(binned(law, -1), -2))


def signalling():
    law = table([[0.5, 0.5], [0.5, 0.5]])
    law[0, 0] = [[0.4, 0.2], [0.2, 0.2]]
    return law


@pytest.mark.parametrize(
    ("law", "words"),
    [
        (table([[1, 1], [1, -1]]), "CHSH value of settings .* is 4, beyond the quantum limit"),
        (table([[0.99, 0.7], [0.5, -0.6]]), "sum of arcsines .* is 3.37.*, more than pi"),
        (table([[0.5, np.nan], [0.5, 0.5]]), "at x = 0, y = 1 is not a finite number"),
        (table([[1.5, 0.5], [0.5, 0.5]]), "at x = 0, y = 0 is negative"),
        (1.1 * table([[0.5, 0.5], [0.5, 0.5]]), "add up to 1.1, not 1"),
        (signalling(), "signalling: Alice's chance .* depends on Bob's setting"),
        (signalling().transpose(1, 0, 3, 2), "signalling: "),
        (np.ones((2, 2, 2)) / 4, "shape"),
        (np.empty((0, 2, 2, 2)), "shape"),
    ],
)
def test_what_no_quantum_device_gives_is_refused_by_the_relation_it_breaks(law, words):
    with pytest.raises(BehaviourError, match=words):
        Behaviour(law)


def counted(law, rounds, seed):
    rng = np.random.default_rng(seed)
    return np.array(
        [[rng.multinomial(rounds, cell.ravel()).reshape(2, 2) for cell in row] for row in law]
    )


def test_counts_are_projected_on_a_behaviour_near_them():
    law = table([[0.6, 0.6], [0.6, -0.6]])
    counts = counted(law, 100_000, 1)
    with pytest.raises(BehaviourError, match="signalling"):
        Behaviour(counts / 100_000)
    found = nearest_behaviour(counts)
    assert 0 < found.projected < 0.01
    assert found.chsh == pytest.approx(2.4, abs=0.03)  # five standard errors
    assert found.moments() == pytest.approx(moments_of(counts), abs=1e-4)


def test_no_other_behaviour_lies_nearer_to_counts_where_probabilities_end():
    """Against a thousand others near it, some of them on the border."""
    rng = np.random.default_rng(7)
    law = binned(binned(pair_behaviour(0.7, [0.0, 1.5], [0.1, 0.0], 0.98), -1), -2)
    counts = counted(law, 300, 2)
    shares = counts / 300
    found = nearest_behaviour(counts)
    best = ((found.table - shares) ** 2).sum()
    assert found.table.min() < 1e-6, "it binds here"
    for _ in range(1000):
        moments = found.moments() + rng.normal(0, 0.02, 8)
        other = table(moments[4:].reshape(2, 2), moments[:2, None], moments[None, 2:4])
        if other.min() >= 0:
            assert ((other - shares) ** 2).sum() >= best - 1e-9


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (np.zeros((2, 2, 2, 2)), "no rounds with settings x = 0, y = 0"),
        (-np.ones((2, 2, 2, 2)), "counts must be finite and 0 or more"),
        (np.full((2, 2, 2, 2), np.nan), "counts must be finite"),
        (np.ones((2, 2)), "shape"),
    ],
)
def test_counts_that_are_none_are_refused(counts, words):
    with pytest.raises(BehaviourError, match=words):
        nearest_behaviour(counts)
