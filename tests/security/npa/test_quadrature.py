"""The rule that bounds the logarithm: exact for polynomials, below it everywhere, rounding paid."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.npa.quadrature import radau


def bound(nodes, x):
    rule = radau(nodes)
    u = x - 1
    inner = sum(w * u / (1 + t * u) for t, w in zip(rule.nodes, rule.weights, strict=True))
    return inner + float(rule.last_weight) * u / x


@pytest.mark.parametrize("nodes", [2, 5, 8, 16, 40])
def test_rule_integrates_polynomials_of_its_degree(nodes):
    rule = radau(nodes)
    for degree in (0, 1, nodes, 2 * nodes - 2):
        total = sum(w * t**degree for t, w in zip(rule.nodes, rule.weights, strict=True))
        assert total + float(rule.last_weight) == pytest.approx(1 / (degree + 1), rel=1e-13)


@given(st.integers(2, 24), st.floats(-12, 12))
@settings(deadline=None, derandomize=True, max_examples=300)
def test_rule_never_lies_above_the_logarithm(nodes, exponent):
    x = np.exp(exponent)
    assert bound(nodes, x) <= exponent + 1e-12 * (1 + abs(exponent))


def test_more_nodes_come_closer():
    gaps = [np.log(5.0) - bound(nodes, 5.0) for nodes in (2, 4, 8, 16)]
    assert all(b < a for a, b in pairwise(gaps))
    assert gaps[-1] < 1e-9


@pytest.mark.parametrize("nodes", [4, 12, 32])
def test_rounding_is_accounted_for_and_small(nodes):
    assert 0 < radau(nodes).rounding_nats < Fraction(1, 10**11)


def test_a_rule_of_one_node_is_refused():
    with pytest.raises(ValueError, match=r"nodes \(1\)"):
        radau(1)
