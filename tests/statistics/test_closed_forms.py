"""Three ways to ask a link: its closed form agrees with both resolutions.

Each figure must lie within five standard errors, which chance exceeds with probability 5.7e-7
(with a Gaussian; 8.6e-7 where the error comes from 400 batches of heralds, Student's t). Under
drift, gaps spread more than the heralds' number does, so the error is rather too large.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from comparison import column_of, gaps_ps
from links import Played, Run, on
from numpy.typing import NDArray
from parts import PERIOD_S, PROTOCOL, network

from qnetsim.keys.sifting import Rounds
from qnetsim.physics.states import bell_state
from qnetsim.protocols import bell_test
from qnetsim.protocols.expectation import link_expectation
from qnetsim.protocols.heralds import Heralds

closed = on(
    "steady",
    "cooling",
    "loss and reload",
    "drift",
    "second emission",
    "converters",
    "coincidences",
    "time bins, blind late",
    "time bins with afterpulses",
    "single photon",
    "single photon under drift",
    "rotation",
    "decay",
    "dead time",
    "second emission and dead time",
    "bursts that blind",
    "heralds without particles",
    "all at once",
    "recalibration",
    "recalibration of cooled particles",
    "late heralds",
    "midpoint source",
)
"""Not those whose drift returns with every other herald, for the closed form takes a link to be in
equilibrium with its drift; nor those that recalibrate after every twenty attempts, for it takes a
recalibration to wait for half an attempt on average, and these lock in."""

in_both = pytest.mark.parametrize("resolution", ["attempt", "herald"])


@closed
@in_both
def test_herald_rate_is_within_five_standard_errors(played: Played, resolution: str):
    run = played.runs[resolution]
    gaps_s = column_of(run, gaps_ps) / 1e12
    error_s = gaps_s.std() / math.sqrt(len(gaps_s))
    assert abs(gaps_s.mean() - 1 / run[0].expected_link.herald_rate_hz) < 5 * error_s


@closed
@in_both
def test_attempt_rate_and_duty_cycle_are_within_five_standard_errors(
    played: Played, resolution: str
):
    run = played.runs[resolution]
    link = run[0].expected_link
    assert abs(_score(run, "attempts", link.attempt_rate_hz / 1e12)) < 5
    assert abs(_score(run, "attempting", link.duty_cycle)) < 5


def _score(run: Run, key: str, per_ps: float) -> float:
    """Returns how many standard errors a rate is off, from what batches of heralds took."""
    excess = column_of(run, lambda part: part.books[key] - per_ps * part.books["time"])
    return float(excess.mean() / (excess.std(ddof=1) / math.sqrt(len(excess))))


@closed
@in_both
def test_each_causes_share_of_the_heralds_is_within_five_standard_errors(
    played: Played, resolution: str
):
    run = played.runs[resolution]
    seen = np.concatenate([part.heralds.cause for part in run])
    expected = run[0].expected_link.causes
    assert set(seen) <= {cause for cause, share in expected.items() if share > 0}
    for cause, share in expected.items():
        error = math.sqrt(share * (1 - share) / len(seen))
        assert abs((seen == cause).mean() - share) <= 5 * error


@closed
@in_both
def test_mean_fidelity_of_the_heralded_states_is_within_five_standard_errors(
    played: Played, resolution: str
):
    run = played.runs[resolution]
    seen = np.concatenate([_fidelities(part.heralds) for part in run])
    error = seen.std() / math.sqrt(len(seen))
    assert abs(seen.mean() - run[0].expected_link.heralded_fidelity) < 5 * error


def _fidelities(heralds: Heralds) -> NDArray[np.float64]:
    """Returns each herald's fidelity with the Bell state that it names."""
    overlaps = {
        name: np.einsum("sij,ji->s", heralds.states, bell_state(name)).real
        for name in ("psi+", "psi-")
    }
    first = heralds.bell_state == "psi+"
    at = heralds.state_index
    return np.where(first, overlaps["psi+"][at], overlaps["psi-"][at])


@closed
@in_both
def test_correlators_are_within_five_standard_errors(played: Played, resolution: str):
    run = played.runs[resolution]
    seen = bell_test.correlators(_rounds(run))
    assert len(seen) == 8
    for x, y in product(range(4), range(2)):
        expected = run[0].expected.correlators[x, y]
        error = math.sqrt((1 - expected**2) / seen[x, y].rounds)
        assert abs(seen[x, y].value - expected) < 5 * error


@closed
@in_both
def test_chsh_value_and_error_rate_are_within_five_standard_errors(played: Played, resolution: str):
    run = played.runs[resolution]
    rounds, expected = _rounds(run), run[0].expected
    chsh = bell_test.chsh_value(bell_test.correlators(rounds), PROTOCOL.chsh_terms)
    assert abs(chsh.value - expected.chsh_s) < 5 * chsh.stderr
    for pair, rate in zip(PROTOCOL.key_pairs, expected.qbers, strict=True):
        seen = bell_test.error_rate(rounds, [pair], PROTOCOL.key_anticorrelated)
        assert abs(seen.value - rate) < 5 * seen.stderr


def _rounds(run: Run) -> Rounds:
    return Rounds(
        *(np.concatenate(columns) for columns in zip(*(p.rounds for p in run), strict=True))
    )


def test_no_closed_form_is_claimed_where_detectors_remember_too_many_attempts():
    dead = {"dead_time_s": 12 * PERIOD_S}
    assert link_expectation(network(0.588, detector=dead), "main", duration_s=1.0) is None
