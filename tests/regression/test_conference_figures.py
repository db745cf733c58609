"""Figures of conference keys that we computed; no print of them was found."""

import pytest
from scipy.optimize import brentq

from qnetsim.security.conference import (
    conference_advantage_below,
    holz_key_rate,
    parity_chsh_key_rate,
)


@pytest.mark.parametrize(("parties", "expected"), [(3, 0.06283), (4, 0.05642), (5, 0.05142)])
def test_error_threshold_of_parity_chsh(parties, expected):
    threshold = brentq(lambda q: parity_chsh_key_rate(q, parties), 0.01, 0.1)
    assert threshold == pytest.approx(expected, abs=1e-5)


def test_error_threshold_of_holz_for_three_parties():
    assert brentq(holz_key_rate, 0.01, 0.1) == pytest.approx(0.06441, abs=1e-5)


@pytest.mark.parametrize(("parties", "expected"), [(3, 0.05553), (4, 0.05045), (5, 0.04639)])
def test_error_rate_below_which_one_conference_key_beats_pairwise_keys(parties, expected):
    assert conference_advantage_below(parties) == pytest.approx(expected, abs=1e-5)
