"""Sifting of two records."""

import numpy as np

from qnetsim.keys.sifting import match_rounds


def test_only_rounds_in_both_records_are_kept_in_the_order_of_heralds() -> None:
    first = ([3, 0, 1], [2, 0, 1], [1, -1, 1])
    second = ([0, 3, 7], [1, 0, 1], [-1, 1, 1])
    rounds = match_rounds(first, second)
    assert rounds.herald.tolist() == [0, 3]
    assert rounds.x.tolist() == [0, 2]
    assert rounds.y.tolist() == [1, 0]
    assert rounds.a.tolist() == [-1, 1]
    assert rounds.b.tolist() == [-1, 1]


def test_empty_records_give_no_rounds() -> None:
    rounds = match_rounds(([], [], []), ([1], [0], [1]))
    assert all(len(column) == 0 for column in rounds)
    assert rounds.x.dtype == np.int64
