"""Conference keys: what the publications print of their Bell inequalities.

J. Ribeiro, G. Murta and S. Wehner, PRA 97, 022307 (2018), arXiv 1708.00798 (as corrected: the
parity-CHSH game): local winning chance 3/4, quantum .85 (equation A.14), exact. T. Holz, H.
Kampermann and D. Bruss, arXiv 1910.11360: three parties, local bound 1, quantum 3/2, exact. No
printed key rate or threshold was found for these states. We get all of them.
"""

from itertools import product

import numpy as np
import pytest

from qnetsim.security.conference import HOLZ_LOCAL, HOLZ_QUANTUM, holz_value, parity_chsh_value


@pytest.mark.parametrize("parties", [3, 4, 5])
def test_parity_chsh_game_is_won_three_times_in_four_by_local_parties(parties):
    """The other parties' parity is a bit c that the first two cannot see."""
    won = [
        np.mean([(a[x] + b[y]) % 2 == x * ((y + c) % 2) for x, y in product((0, 1), repeat=2)])
        for *ab, c in product((0, 1), repeat=5)
        for a, b in [(ab[:2], ab[2:])]
    ]
    assert max(won) == 3 / 4
    assert 1 / 2 + parity_chsh_value(0, parties) / 8 == pytest.approx(0.85, abs=0.005)


def test_holz_expression_reaches_one_locally_and_three_halves_with_a_ghz_state():
    local = [
        a1 * (b0 + b1) * (c0 + c1) / 4
        - a0 * (b0 - b1) / 2
        - a0 * (c0 - c1) / 2
        - (b0 - b1) * (c0 - c1) / 4
        for a0, a1, b0, b1, c0, c1 in product((1, -1), repeat=6)
    ]
    assert max(local) == HOLZ_LOCAL == 1
    assert holz_value(0) == HOLZ_QUANTUM == 3 / 2
