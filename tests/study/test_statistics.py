"""Figures, their intervals and stopping rules.

Where a test counts how often an interval holds the truth, it lets a share of 95 % come out as low
as 5 standard errors below: a false alarm has a chance below 1e-6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qnetsim as qn
from qnetsim.study.block import run_block
from qnetsim.study.closed_form import closed_form_of
from qnetsim.study.definition import Stop
from qnetsim.study.statistics import Ending, ended_after, figures, totals
from qnetsim.study.study import Study
from qnetsim.study.tally import counts_of
from qnetsim.study.task import scenario_of
from qnetsim.study.uncertain import FEWEST_BLOCKS, Figure, HeraldRate, share, time_share

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
RATE_HZ = 0.3
TIMES = 4000
LEAST = 0.95 - 5 * math.sqrt(0.95 * 0.05 / TIMES)


def study_of(name: str, block: dict[str, Any], **changes: Any) -> Study:
    data = {"name": "one", "title": "One point", "block": block, "repeats": 9, "set": changes}
    return Study(data, [qn.load_scenario(SCENARIOS / f"{name}.toml")])


def row(heralds: int, time_s: float, attempts: int = 10**12) -> dict[str, Any]:
    rounds = {"00": {"n": heralds, "a": 0, "b": 0, "ab": 0}}
    return {"counts": {"heralds": heralds, "sim_time_s": time_s, "attempts": attempts,
                       "rounds": rounds}}  # fmt: skip


def rate_of(blocks: Any, by_rounds: bool) -> Figure:
    rate = HeraldRate()
    for heralds, time_s in blocks:
        rate.add(row(heralds, time_s)["counts"])
    return rate.figure(by_rounds)


def held(found: Iterator[Figure], truth: float) -> float:
    figures = list(found)
    assert len(figures) == TIMES
    return sum(f.low <= truth <= f.high for f in figures) / TIMES


# --- rates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [1, 4, 5, 12])
@pytest.mark.parametrize("size", [1, 3, 30])
def test_a_rate_s_interval_holds_it_where_blocks_end_with_rounds(blocks: int, size: int) -> None:
    rng = np.random.default_rng([1, blocks, size])
    times = rng.gamma(size, 1 / RATE_HZ, (TIMES, blocks))
    found = (rate_of([(size, t) for t in row_s], True) for row_s in times.tolist())
    assert held(found, RATE_HZ) >= LEAST


@pytest.mark.parametrize("blocks", [1, 4, 5, 12])
@pytest.mark.parametrize("mean", [0.2, 3, 30])
def test_a_rate_s_interval_holds_it_where_blocks_end_with_time(blocks: int, mean: float) -> None:
    rng = np.random.default_rng([2, blocks, int(10 * mean)])
    counts = rng.poisson(mean, (TIMES, blocks))
    found = (rate_of([(n, mean / RATE_HZ) for n in row_n], False) for row_n in counts.tolist())
    assert held(found, RATE_HZ) >= LEAST


@pytest.mark.parametrize("blocks", [5, 12])
def test_bursts_widen_the_interval_from_five_blocks_on(blocks: int) -> None:
    rng = np.random.default_rng([3, blocks])
    loads = rng.poisson(10, (TIMES, blocks))
    counts = rng.poisson(30 * loads)
    found = [rate_of([(n, 1.0) for n in row_n], False) for row_n in counts.tolist()]
    assert held(iter(found), 300.0) >= 0.93  # Student's t on blocks that are not quite normal
    naive = sum(abs(f.value - 300) < 1.96 * math.sqrt(f.value / blocks) for f in found) / TIMES
    assert naive < 0.4


def test_blocks_as_long_as_one_another_give_the_poisson_error() -> None:
    assert rate_of([(100, 50.0)], True).stderr == pytest.approx(0.2)
    assert rate_of([(25, 12.5)] * 4, True).stderr == pytest.approx(0.2)
    assert rate_of([(20, 10.0)] * 5, True).stderr == pytest.approx(0.2)


def test_a_rate_without_a_herald_has_an_upper_end_and_an_error() -> None:
    found = rate_of([(0, 10.0)] * 6, False)
    assert found[:3] == (0.0, pytest.approx(1 / 60), 0.0)
    assert found.high == pytest.approx(-math.log(0.025) / 60)


def test_garwood_s_and_the_gamma_interval_are_those_of_the_tables() -> None:
    by_time, by_rounds = rate_of([(10, 1.0)], False), rate_of([(10, 1.0)], True)
    assert (by_time.low, by_time.high) == pytest.approx((4.795389, 18.390356), abs=1e-6)
    assert (by_rounds.low, by_rounds.high) == pytest.approx((4.795389, 17.084803), abs=1e-6)


def test_where_every_attempt_is_a_round_the_rate_is_certain() -> None:
    rate = HeraldRate()
    rate.add(row(1000, 0.5, attempts=1000)["counts"])
    assert rate.figure(True)[:4] == (2000.0, 0.0, 2000.0, 2000.0)


# --- shares ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("truth", "n"), [(0.03, 20), (0.5, 50), (0.98, 200)])
def test_a_share_s_interval_holds_it(truth: float, n: int) -> None:
    counts = np.random.default_rng([4, n]).binomial(n, truth, TIMES)
    assert held((share(int(k), n, None) for k in counts), truth) >= LEAST


def test_shares_at_the_ends_are_not_certain() -> None:
    assert share(0, 10, None)[:3] == (0.0, pytest.approx(math.sqrt(11 / 144 / 10)), 0.0)
    assert share(0, 10, None).high == pytest.approx(1 - 0.025**0.1)
    assert share(10, 10, None).high == 1.0


def test_a_share_of_time_takes_its_error_from_blocks() -> None:
    rng = np.random.default_rng(5)
    spent, rest = rng.gamma(20, 1.0, (2, TIMES, 8))
    found = (time_share(list(a), list(a + b), None) for a, b in zip(spent, rest, strict=True))
    assert held(found, 0.5) >= 0.93  # a ratio of sums of few blocks is not quite normal
    assert math.isnan(time_share([1.0], [2.0], None).stderr)
    assert time_share([1.0], [2.0], 0.4)[2:] == (0.0, 1.0, 0.4)


# --- figures of points ----------------------------------------------------------------------------


def test_figures_are_those_of_one_long_run() -> None:
    study = study_of("munich_2022", {"max_rounds": 300})
    (task,) = study.tasks()
    result = scenario_of(task.data).run(3)
    found, summary = figures(study, task, [{"counts": counts_of(result)}]), result.summary()
    for key in ("herald_rate_hz", "heralded_fidelity", "chsh_s", "qber", "qber_0", "qber_1",
                "key_rate_bits_per_round", "key_rate_bits_per_s"):  # fmt: skip
        assert found[key].value == pytest.approx(summary[key], rel=1e-9), key
        assert found[key].low <= found[key].value <= found[key].high
        stderr = summary.get(f"{key}_stderr")
        one_more = 0.3 if key == "heralded_fidelity" else 1e-6  # counts an unseen herald
        assert stderr is None or found[key].stderr == pytest.approx(stderr, rel=one_more), key
        expected = summary[f"expected_{key}"]
        assert found[key].expected == pytest.approx(expected, rel=1e-9), key
    assert found["duty_cycle"].value == pytest.approx(summary["duty_cycle"]["attempting"])
    assert found["duty_cycle"].expected == pytest.approx(summary["expected_duty_cycle"])
    for cause, told in summary["heralds_by_cause"].items():
        assert found[f"heralds_by_cause.{cause}"].expected == told["expected_share"]


def test_one_herald_does_not_make_a_fidelity_certain() -> None:
    study = study_of("munich_2022", {"max_rounds": 1})
    (task,) = study.tasks()
    found = figures(study, task, [{"counts": counts_of(scenario_of(task.data).run(3))}])
    low, high = found["heralded_fidelity"].low, found["heralded_fidelity"].high
    assert (low < 0.1, high) == (True, 1.0)


@pytest.mark.parametrize("name", ["photonic_swapping", "ustc_2022"])
def test_figures_of_photonic_links_are_those_of_their_runs(name: str) -> None:
    block = {"max_rounds": 3000} if name == "photonic_swapping" else {"rounds_per_setting": 10**7}
    study = study_of(name, block)
    (task,) = study.tasks()
    result = scenario_of(task.data).run(3)
    found, summary = figures(study, task, [{"counts": counts_of(result)}]), result.summary()
    for key in ("chsh_s", "qber", "key_rate_bits_per_round", "key_rate_bits_per_s"):
        assert found[key].value == pytest.approx(summary[key], rel=1e-9, abs=1e-9), key
        assert found[key].expected == pytest.approx(summary[f"expected_{key}"], rel=1e-9), key
    if name == "photonic_swapping":
        assert found["herald_rate_hz"].value == pytest.approx(summary["herald_rate_hz"])
        assert found["heralded_fidelity"].stderr == pytest.approx(
            summary["heralded_fidelity_stderr"], rel=0.01
        )
    else:
        assert found["key_rate_bits_per_round"].value > 0
        assert found["herald_rate_hz"][:2] == (pytest.approx(2e6), 0.0)


@pytest.mark.parametrize("bound", ["two-basis", "chsh"])
def test_the_key_rate_s_error_is_its_scatter(bound: str) -> None:
    changes: dict[str, Any] = {"protocol.bound": bound, "nodes.*.atom_photon_fidelity": 0.98}
    if bound == "chsh":
        changes |= {"protocol.key_pairs": [[0, 0]], "protocol.finite": None}
    study = study_of("munich_2022", {"max_rounds": 3000}, **changes)
    (task,) = study.tasks()
    closed = closed_form_of(task)
    rng, rounds, times = np.random.default_rng(6), 40_000, 100
    found = [figures(study, task, [drawn(rng, closed, rounds)]) for _ in range(times)]
    rates = [f["key_rate_bits_per_round"] for f in found]
    scatter = float(np.std([f.value for f in rates], ddof=1))
    stderr = float(np.mean([f.stderr for f in rates]))
    assert closed.key_rate_bits_per_round is not None
    assert closed.key_rate_bits_per_round > 4 * stderr  # far from the clip at 0
    assert abs(scatter / stderr - 1) < 5 / math.sqrt(2 * times)
    holds = sum(f.low <= closed.key_rate_bits_per_round <= f.high for f in rates) / times
    assert holds > 0.95 - 5 * math.sqrt(0.95 * 0.05 / times)


def drawn(rng: np.random.Generator, closed: Any, rounds: int) -> dict[str, Any]:
    """Returns a row of rounds of a white-noise link that has the closed form's S and Q."""
    settings = [(x, y) for x in range(4) for y in range(2)]
    mean = {(x, y): sign * closed.chsh_s / 4 for x, y, sign in closed.protocol.chsh_terms}
    mean |= dict.fromkeys([(0, 0), (1, 1)], 2 * closed.qber - 1)
    played = rng.multinomial(rounds, [1 / 8] * 8)
    table = {}
    for (x, y), n in zip(settings, played.tolist(), strict=True):
        equal = int(rng.binomial(n, (1 + mean.get((x, y), 0.0)) / 2))
        both, first = int(rng.binomial(equal, 0.5)), int(rng.binomial(n - equal, 0.5))
        a = both - (equal - both) + first - (n - equal - first)
        b = both - (equal - both) - first + (n - equal - first)
        table[f"{x}{y}"] = {"n": n, "a": a, "b": b, "ab": 2 * equal - n}
    return {"counts": {"heralds": rounds, "heralds_missed": 0, "attempts": 10**12,
                       "sim_time_s": 1e5, "attempting_s": 5e4, "activity_s": {},
                       "heralds_by_cause": {}, "rounds": table,
                       "fidelity": {"n": 0, "sum": 0.0, "sum_sq": 0.0}}}  # fmt: skip


def test_below_0_a_key_rate_and_its_interval_are_0_and_its_error_is_not() -> None:
    study = study_of("munich_2022", {"max_rounds": 300}, **{"link.station.photon_overlap": 0.5})
    (task,) = study.tasks()
    counts = counts_of(scenario_of(task.data).run(1))
    found = figures(study, task, [{"counts": counts}])["key_rate_bits_per_round"]
    assert (found.value, found.low, found.expected) == (0.0, 0.0, 0.0)
    assert found.stderr > 0.01
    assert found.high < found.stderr


def test_figures_that_rows_do_not_give_are_left_out() -> None:
    study = study_of("munich_2022", {"duration_s": 0.01})
    (task,) = study.tasks()
    rows = [run_block(task, k) for k in range(6)]
    found = figures(study, task, [*rows, {"error": "no"}])
    assert found["herald_rate_hz"].value == 0
    assert not {"chsh_s", "qber", "key_rate_bits_per_s", "heralded_fidelity"} & set(found)
    assert figures(study, task, [{"error": "no"}]) == {}


def test_totals_are_sums_in_the_order_of_blocks() -> None:
    times = [0.1, 0.2, 0.3, 1e16, 1.0]
    assert totals(row(1, t) for t in times)["sim_time_s"] == (0.1 + 0.2 + 0.3 + 1e16) + 1.0
    assert totals([]) == {}


# --- stopping rules -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "end"),
    [
        (None, 8),
        ({"heralds": 50}, 5),
        ({"heralds": 51}, 6),
        ({"rounds": 20}, 2),
        ({"heralds": 70, "rounds": 30}, 3),
        ({"relative_error": 0.2}, 5),
        ({"relative_error": 0.13}, 6),
        ({"relative_error": 0.001}, 8),
    ],
)
def test_a_point_ends_with_the_first_block_after_which_its_rule_holds(
    stop: dict[str, Any] | None, end: int
) -> None:
    rule = stop and Stop(**stop)
    rows = [row(10, 10.0)] * 10
    assert ended_after(rows, 8, rule or None) == end
    assert ended_after(rows[: end - 1], 8, rule or None) is None
    assert ended_after(rows[:end], 8, rule or None) == end


def test_a_block_that_failed_ends_its_point() -> None:
    rows = [row(10, 10.0), {"error": "broken"}, row(10, 10.0)]
    assert ended_after(rows, 8, None) == 2


def test_no_herald_is_no_reason_to_stop() -> None:
    ending = Ending(100, Stop(relative_error=1.0))
    assert not any(ending.add(row(0, 10.0)) for _ in range(99))
    assert ending.add(row(0, 10.0))


def test_scattering_blocks_are_not_taken_for_a_precise_rate() -> None:
    rows = [row(10 if k % 2 else 990, 10.0) for k in range(40)]
    steady = [row(500, 10.0)] * 40
    rule = Stop(relative_error=0.1)
    assert ended_after(steady, 40, rule) == FEWEST_BLOCKS
    assert ended_after(rows[: FEWEST_BLOCKS - 1], 40, rule) is None  # too few blocks to see it
    assert ended_after(rows, 40, rule) == 40
    assert ended_after(rows, 40, Stop(relative_error=0.02)) != ended_after(
        steady, 40, Stop(relative_error=0.02)
    )
