"""Targets: how they are read, and how far a link is from them."""

from __future__ import annotations

import math

import pytest

from qnetsim.budget import Yield
from qnetsim.errors import InvalidInputError
from qnetsim.study.target import Target, parse_targets

GOOD = Yield(10.0, 0.95, 2.6, 0.02, 0.05, 0.5)
KEYLESS = Yield(10.0, 0.8, 2.2, 0.1, 0.0, 0.0)
SILENT = Yield(0.0, None, None, None, None, None)


@pytest.mark.parametrize("text", ["qber <= 0.02", "qber<=2e-2", "  qber  <=  .02 "])
def test_a_target_is_read_with_and_without_spaces(text: str) -> None:
    assert parse_targets([text]) == [Target("qber", at_least=False, value=0.02)]


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("key_rate >= 1", "did you mean 'key_rate_bits_per_s'"),
        ("qber = 0.1", "must read 'figure >= number'"),
        ("qber > 0.1", "must read 'figure >= number'"),
        ("0.1 <= qber", "must read 'figure >= number'"),
        ("qber <= few", "'few' is no number"),
        ("qber <= 0", "above 0"),
        ("qber <= nan", "above 0"),
        ("herald_rate_hz >= inf", "above 0"),
        ("fidelity >= 1.01", "no device has a fidelity above 1"),
        ("chsh_s >= 2.83", "no device has a chsh_s above 2.82843"),
    ],
)
def test_what_is_no_target_is_refused(text: str, bound: str) -> None:
    with pytest.raises(InvalidInputError, match=bound):
        parse_targets([text])


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_targets(["qber <= x", "fidelity >= 2", "rate >= 1"])
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    "texts",
    [["fidelity >= 0.9", "fidelity <= 0.8"], ["qber <= 0.1", "qber <= 0.2"], []],
)
def test_targets_that_contradict_or_repeat_each_other_or_are_none_are_refused(
    texts: list[str],
) -> None:
    with pytest.raises(InvalidInputError):
        parse_targets(texts)


def test_the_margin_is_the_logarithm_of_the_ratio() -> None:
    assert Target("herald_rate_hz", True, 5.0).margin(GOOD) == pytest.approx(math.log(2))
    assert Target("qber", False, 0.01).margin(GOOD) == pytest.approx(-math.log(2))


def test_where_there_is_no_key_the_margin_still_says_which_way_is_up() -> None:
    target = Target("key_rate_bits_per_s", True, 1e-9)
    better = KEYLESS._replace(chsh_s=2.3, qber=0.08)
    margins = [target.margin(found) for found in (None, SILENT, KEYLESS, better, GOOD)]
    assert margins[0] == margins[1] < margins[2] < margins[3] < margins[4]
