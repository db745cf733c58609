"""Munich 2022: what the scenario yields, against its closed forms and the publication.

W. Zhang et al., Nature 607, 687 (2022), arXiv 2110.00575.
"""

from __future__ import annotations

import math
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from qnetsim import Result, Scenario
from qnetsim.keys.sifting import Rounds
from qnetsim.protocols import bell_test
from qnetsim.security.finite.collective import Sample, collective_key_length
from qnetsim.security.finite.confidence import lower_limit, upper_limit
from qnetsim.security.finite.options import smallest_block
from qnetsim.security.finite.terms import KeyLength
from qnetsim.security.information import binary_entropy
from qnetsim.security.two_basis import two_basis_entropy

MUNICH = Path(__file__).parents[2] / "scenarios" / "munich_2022.toml"

HOURS_75_S = 270_000
ATTEMPTS_HZ = 52e3
ROUNDS = 3342

OFTEN = (
    "run.duration_s=1e6",
    "run.max_rounds=250000",
    "stations.bsm.detector.dark_count_rate_hz=100.0",
    *(f"nodes.{node}.collection_efficiency=0.08202" for node in ("alice", "bob")),
    *(f"nodes.{node}.trap.loading_mean_s=0.0" for node in ("alice", "bob")),
)
"""Ten times as many photons and dark counts: the same states a hundred times as often."""


def run(settings: tuple[str, ...], seed: int) -> Result:
    return Scenario.load(MUNICH, settings).run(seed)


def play(pool: Executor, settings: tuple[str, ...], seeds: range) -> list[Result]:
    """Plays the scenario once for each seed, side by side."""
    return list(pool.map(partial(run, settings), seeds))


@pytest.fixture(scope="module")
def campaigns(pool: Executor) -> list[Result]:
    """75 h of the experiment, ten times."""
    return play(pool, (), range(10))


@pytest.fixture(scope="module")
def expected() -> Result:
    """A second of the experiment, for its closed forms."""
    return run(("run.duration_s=1.0",), 0)


# --- closed forms --------------------------------------------------------------------------------


def test_closed_forms_are_those_of_the_experiment(expected: Result):
    figures = expected.summary()
    assert figures["expected_herald_rate_hz"] * HOURS_75_S == pytest.approx(3293, rel=0.01)
    assert figures["expected_duty_cycle"] == pytest.approx(0.4786, abs=0.004)
    assert figures["expected_chsh_s"] == pytest.approx(2.485, abs=0.02)
    assert figures["expected_qber"] == pytest.approx(0.0608, abs=0.003)
    assert figures["published_formula_fidelity"] == pytest.approx(0.892, abs=0.005)


def test_published_chsh_value_and_error_rate_are_typical_of_so_many_rounds(expected: Result):
    """Within 2.5 standard errors of the closed forms; eight settings are equally frequent."""
    correlators = expected.expected.correlators
    terms = expected.protocol.chsh_terms
    s_error = math.sqrt(sum(1 - correlators[x, y] ** 2 for x, y, _ in terms) / (ROUNDS / 8))
    q = expected.summary()["expected_qber"]
    q_error = math.sqrt(q * (1 - q) / (ROUNDS / 4))
    assert abs(2.578 - expected.expected.chsh_s) < 2.5 * s_error
    assert abs(0.078 - q) < 2.5 * q_error


# --- runs ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_75_hours_herald_as_often_as_the_closed_form_says(campaigns: list[Result]):
    """Each run within five sigma and the mean of ten within five of its own.

    Sigma is the square root of the expected number, as if heralds came at random; loading after
    each makes them a little more regular. Eleven two-sided bounds of 5.7e-7 each.
    """
    counts = np.array([len(result.heralds) for result in campaigns])
    number = campaigns[0].expected_link.herald_rate_hz * HOURS_75_S
    assert np.all(np.abs(counts - number) < 5 * math.sqrt(number))
    assert abs(counts.mean() - number) < 5 * math.sqrt(number / len(counts))


@pytest.mark.slow
def test_75_hours_are_spent_as_the_closed_form_says(campaigns: list[Result]):
    for result in campaigns:
        duty = result.summary()["duty_cycle"]["attempting"]
        assert duty == pytest.approx(0.4786, abs=0.004)
        assert result.attempts == pytest.approx(duty * ATTEMPTS_HZ * HOURS_75_S, rel=0.005)


@pytest.mark.slow
def test_a_million_heralds_give_the_expected_chsh_value_and_error_rate(pool: Executor):
    """Within five standard errors, which chance exceeds with probability 5.7e-7."""
    results = play(pool, OFTEN, range(4))
    rounds = Rounds(
        *(np.concatenate(column) for column in zip(*(r.rounds for r in results), strict=True))
    )
    assert len(rounds.x) == 1_000_000
    protocol, expected = results[0].protocol, results[0].summary()
    assert expected["expected_chsh_s"] == pytest.approx(2.485, abs=0.02)
    chsh = bell_test.chsh_value(bell_test.correlators(rounds), protocol.chsh_terms)
    qber = bell_test.error_rate(rounds, protocol.key_pairs, protocol.key_anticorrelated)
    assert abs(chsh.value - expected["expected_chsh_s"]) < 5 * chsh.stderr
    assert abs(qber.value - expected["expected_qber"]) < 5 * qber.stderr
    assert sum(r.sim_time_s for r in results) == pytest.approx(
        1e6 / expected["expected_herald_rate_hz"], rel=5e-3
    )


# --- finite block --------------------------------------------------------------------------------

PUBLISHED_S, PUBLISHED_QS = 2.578, (0.0781, 0.0777)
WORST_S, WORST_Q = 2.4256, 0.107
SMALLEST_BLOCK, SOUND, EFFICIENCY = 1.75e5, 1e-5, 1.15  # figure 5


def finite_key(rounds: int) -> KeyLength:
    """Half the rounds play the CHSH game, a quarter make key."""
    leak = EFFICIENCY * rounds / 4 * float(np.mean(binary_entropy(PUBLISHED_QS)))
    sample = Sample(rounds, rounds / 4, rounds / 2, 0.5 + PUBLISHED_S / 8, leak)
    return collective_key_length(sample, two_basis_entropy, SOUND)


def test_smallest_block_that_makes_key_is_the_published_one_within_a_tenth():
    """Ours is 1.60e5: a slightly tighter entropy bound and split than the publication's."""
    smallest = smallest_block(finite_key)
    assert smallest == pytest.approx(SMALLEST_BLOCK, rel=0.1)
    assert smallest == pytest.approx(159_750, rel=2e-3)


def test_published_worst_case_is_a_bayesian_limit_at_a_fortieth():
    """A uniform prior and the expected shares of rounds; the publication's own eps isn't known."""
    tests, key = round(ROUNDS / 2), round(ROUNDS / 8)
    won = round(tests * (0.5 + PUBLISHED_S / 8))
    s = 8 * float(lower_limit(won, tests, 0.025, "bayesian")) - 4
    assert s == pytest.approx(WORST_S, abs=0.002)
    for q in PUBLISHED_QS:
        limit = float(upper_limit(round(q * key), key, 0.025, "bayesian"))
        assert limit == pytest.approx(WORST_Q, abs=0.002)
