"""Lengths of keys from finite blocks: computed here, printed nowhere."""

from __future__ import annotations

import math

import pytest

from qnetsim.security.finite.block import Block, shannon_bits
from qnetsim.security.finite.comparison import analyses
from qnetsim.security.finite.options import general_key_length
from qnetsim.security.finite.terms import KeyLength

PLANNED = {"s": 2.64, "q": 0.018}
OPTIONS = {"eps_sound": 1e-10, "eps_complete": 1e-3, "f_ec": 1.15}


def oxford_block() -> Block:
    """Oxford's planned block (arXiv 2109.14600, supplement S5 to S7)."""
    rounds, fraction = 1_500_000, 13 / 256
    loss = fraction * (0.5 - PLANNED["s"] / 8)
    allowed = loss + 3 * math.sqrt(loss * (1 - loss) / rounds)
    syndrome = shannon_bits(rounds, fraction, **PLANNED) + 50 * math.sqrt(rounds)
    return Block(rounds, fraction, 1 - allowed / fraction, math.floor(syndrome))


@pytest.fixture(scope="module")
def analysed() -> tuple[KeyLength, ...]:
    return analyses(oxford_block(), 1e-10, 2.0**-61)


def test_oxford_block_makes_nearly_four_times_the_key_by_renyi_entropies(analysed):
    lengths = [found.key_length_bits for found in analysed]
    assert lengths == pytest.approx([95_885, 329_781, 371_120], abs=3)


def test_oxford_terms_are_those_of_the_documentation(analysed):
    smoothed, counted, renyi = (
        {term.name: term.bits for term in found.terms} for found in analysed
    )
    statistics = "second order", "third order", "smoothing and aborts", "privacy amplification"
    tests = [name for name in smoothed if name.startswith("test bits")]
    assert sum(map(smoothed.get, tests)) == pytest.approx(-135_941, abs=20)
    assert counted["test scores"] == pytest.approx(-51_401, abs=20)
    assert renyi["test scores"] == pytest.approx(-51_398, abs=20)
    first = [table["entropy"] for table in (smoothed, counted)]
    assert first == pytest.approx([866_412, 875_783], abs=100)
    spent = [sum(table.get(name, 0.0) for name in statistics) for table in (smoothed, counted)]
    assert spent == pytest.approx([-337_480, -197_844], abs=100)
    assert renyi["entropy"] + renyi["privacy amplification"] == pytest.approx(719_276, abs=20)


def test_planned_oxford_devices_need_this_many_rounds():
    few, enough = (
        general_key_length(**PLANNED, options=OPTIONS | {"n": round(131_400 * factor)})
        for factor in (0.985, 1.015)
    )
    assert few.key_length_bits == 0 < enough.key_length_bits
