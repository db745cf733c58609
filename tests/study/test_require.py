"""Inverse design: hand-computed answers, what is refused, what is said where nothing helps."""

from __future__ import annotations

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest
from prompt import Command

from qnetsim.report.study.tornado import draw_tornado
from qnetsim.scenario import Scenario, load_scenario
from qnetsim.study.confirm import Check
from qnetsim.study.knob import DB, Knob, all_knobs, knobs_of
from qnetsim.study.require import ClosedForms, Requirement, require
from qnetsim.study.sensitivity import Bar, Sensitivity, sensitivity
from qnetsim.study.target import Target, parse_targets

OXFORD = Path(__file__).parents[2] / "scenarios" / "oxford_2022.toml"
USTC = OXFORD.with_name("ustc_2022.toml")
COLLECTION = "nodes.*.collection_efficiency"


def bare() -> Scenario:
    """Two ions without traps, cooling, dark counts or noise that attempt all the time."""
    data = load_scenario(OXFORD, ["stations.bsm.detector.dark_count_rate_hz=0.0"]).model
    plain = data.model_dump()
    for node in plain["nodes"].values():
        node |= {"trap": None, "cooling": None, "recalibration": None}
    return Scenario(plain)


def knobs(scenario: Any, *texts: str) -> list[Knob]:
    return knobs_of(scenario.model.model_dump(), type(scenario).describes, texts)


def found(scenario: Any, target: str, *vary: str) -> Requirement:
    return require(scenario, parse_targets([target]), knobs(scenario, *vary))


# --- answers that are known -----------------------------------------------------------------------


def test_the_rate_of_two_photons_goes_with_the_square_of_their_collection() -> None:
    """Without dark counts p = c eta^2 and heralds take t + p d of time: 1/R = t/(c eta^2) + d/t.

    Two values of eta tell both constants by hand; the third is the prediction, to 1e-6.
    """
    scenario = bare()
    forms = ClosedForms(scenario, knobs(scenario, COLLECTION))
    eta = 0.03084

    def rate_hz(x: float) -> float:
        point = forms.point([x])
        assert point.found is not None
        return point.found.herald_rate_hz

    small, smaller = forms.knobs[0].values(-1.0)[0], forms.knobs[0].values(-2.0)[0]
    slope = (1 / rate_hz(-2.0) - 1 / rate_hz(-1.0)) / (smaller**-2 - small**-2)
    offset = 1 / rate_hz(-1.0) - slope / small**2
    wanted_hz = 10 * rate_hz(0.0)
    by_hand = math.sqrt(slope / (1 / wanted_hz - offset))
    answer = found(scenario, f"herald_rate_hz >= {wanted_hz!r}", COLLECTION).reached
    assert answer is not None
    assert forms.knobs[0].values(answer.at[0])[0] == pytest.approx(by_hand, rel=1e-6)
    odds = by_hand / (1 - by_hand) / (eta / (1 - eta))
    assert answer.demand == pytest.approx(math.log(odds), rel=1e-6)


def test_two_efficiencies_that_act_alike_share_what_is_needed() -> None:
    """Collection at both nodes goes with eta_a eta_b: each gets the same factor of its odds."""
    scenario = bare()
    ends = [f"nodes.{name}.collection_efficiency" for name in ("alice", "bob")]
    answer = found(scenario, "herald_rate_hz >= 400", *ends).reached
    assert answer is not None
    assert answer.at[0] == pytest.approx(answer.at[1], rel=1e-3)
    together = found(scenario, "herald_rate_hz >= 400", COLLECTION).reached
    assert together is not None
    assert answer.at[0] == pytest.approx(together.at[0], rel=1e-3)


def test_less_is_better_where_the_closed_form_says_so() -> None:
    scenario = load_scenario(OXFORD)
    answer = found(scenario, "herald_rate_hz >= 60", "nodes.*.trap.loading_mean_s").reached
    assert answer is not None
    assert answer.at[0] < 0
    assert answer.found is not None
    assert answer.found.herald_rate_hz == pytest.approx(60, rel=1e-6)


def test_an_integer_stays_one_and_is_the_least_that_does() -> None:
    scenario = load_scenario(OXFORD)
    path = "nodes.*.cooling.every_attempts"
    answer = found(scenario, "herald_rate_hz >= 60", path).reached
    assert answer is not None
    assert answer.found is not None
    (number,) = set(knobs(scenario, path)[0].values(answer.at[0]))
    fewer = [f"nodes.{name}.cooling.every_attempts={number - 1}" for name in ("alice", "bob")]
    below = load_scenario(OXFORD, fewer).expected()
    assert below is not None
    assert isinstance(number, int)
    assert below.herald_rate_hz < 60 <= answer.found.herald_rate_hz


def test_a_link_without_heralds_is_designed_too() -> None:
    scenario = load_scenario(USTC)
    answer = found(scenario, "key_rate_bits_per_s >= 1000", "link.node.detector.efficiency")
    assert answer.reached is not None
    assert answer.reached.found is not None
    assert answer.reached.found.key_rate_bits_per_s == pytest.approx(1000, rel=1e-6)


def test_parts_that_differ_keep_their_ratio_of_odds() -> None:
    scenario = load_scenario(OXFORD)
    (knob,) = knobs(scenario, "nodes.*.t2_s")
    assert knob.values(math.log(2)) == pytest.approx([8.4e-3, 15e-3])
    (odds,) = knobs(scenario, "link.station.detector.efficiency")
    assert odds.values(math.log(2)) == pytest.approx([1.4 / 1.7])
    assert odds.per_log(0.0) == pytest.approx(1 / 0.3)


def test_a_range_holds_and_today_belongs_to_it() -> None:
    scenario = load_scenario(OXFORD)
    (knob,) = knobs(scenario, f"{COLLECTION}=0.1:0.5")
    assert knob.values(knob.side.high) == pytest.approx([0.5, 0.5])
    assert knob.values(knob.side.low) == pytest.approx([0.03084, 0.03084])
    answer = found(scenario, "key_rate_bits_per_s >= 1000", f"{COLLECTION}=0.1:0.5")
    assert answer.reached is None
    assert knob.values(answer.best.at[0]) == pytest.approx([0.5, 0.5], rel=1e-3)


def test_elasticities_are_those_of_the_powers() -> None:
    """Without pauses the wait is a/eta^2 + b, so the elasticity is 2 times the share of a."""
    scenario = bare()
    forms = ClosedForms(scenario, knobs(scenario, COLLECTION))
    today = forms.point([0.0])
    (bar,) = sensitivity(forms, Target("herald_rate_hz", True, 1.0), today).bars
    down, up = bar.values
    assert down is not None
    assert up is not None
    assert today.found is not None
    low, high = (forms.knobs[0].values(x)[0] for x in bar.ends)
    slope = (1 / down - 1 / up) / (low**-2 - high**-2)
    by_hand = 2 * slope / 0.03084**2 * today.found.herald_rate_hz
    assert bar.elasticity == pytest.approx(by_hand, rel=1e-4)


def test_all_parameters_are_listed_by_kind_and_those_without_a_ratio_left_out() -> None:
    model = load_scenario(OXFORD).model
    paths = [knob.path for knob in all_knobs(model.model_dump(), type(model))]
    assert COLLECTION in paths
    assert "stations.*.detector.efficiency" in paths
    assert "stations.*.window_start_s" not in paths
    assert len(paths) == len(set(paths))


@pytest.mark.parametrize(
    ("expected", "simulated", "stderr", "verdict"),
    [
        (1.0, 1.3, 0.1, True),
        (1.0, 1.5, 0.1, False),
        (1.0, None, None, None),
        (1.0, 1.1, None, None),
        (1.0, 1.0, None, True),
    ],
)
def test_a_check_says_whether_both_agree_within_four_standard_errors(
    expected: float, simulated: float | None, stderr: float | None, verdict: bool | None
) -> None:
    assert Check("qber", expected, simulated, stderr).consistent is verdict


# --- the prompt -----------------------------------------------------------------------------------


def asked(command: Command, *arguments: object, code: int = 0) -> dict[str, Any]:
    done = command("require", *arguments, "--json")
    assert done.code == code, done.err
    figures: dict[str, Any] = json.loads(done.out)
    return figures


def test_the_answer_is_confirmed_by_simulation(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "tornado.svg"
    target = ("--target", "key_rate_bits_per_s >= 20")
    vary = ("--vary", f"{COLLECTION},link.station.detector.efficiency=0.5:0.9")
    figures = asked(command, OXFORD, *target, *vary, "--confirm-heralds", 3000, "-o", picture)
    assert figures["reached"]
    assert figures["targets"][0]["found"] == pytest.approx(20, rel=1e-6)
    assert figures["least_demanding"]["demand_db"] < figures["parameters"][0]["alone_demand_db"]
    assert figures["parameters"][1]["alone"] is None
    assert figures["simulation"]["heralds"] >= 3000
    sigmas = {c["figure"]: c["sigma"] for c in figures["simulation"]["figures"]}
    assert {"key_rate_bits_per_s", "herald_rate_hz", "fidelity", "chsh_s"} <= sigmas.keys()
    # Gaussian: 6 standard errors come by chance once in 5e8; the seed is fixed.
    assert all(abs(sigma) < 6 for sigma in sigmas.values() if sigma is not None)
    assert picture.read_text().count("<svg") == 1


def test_what_today_reaches_already_needs_no_change_and_may_be_worse(command: Command) -> None:
    arguments = (OXFORD, "--target", "key_rate_bits_per_s >= 2", "--vary", "nodes.bob.t2_s")
    figures = asked(command, *arguments, "--confirm-heralds", 0)
    assert figures["met_today"]
    assert figures["least_demanding"]["demand_db"] == 0
    (lost_s,) = figures["parameters"][0]["alone"]
    worse, better = (
        load_scenario(OXFORD, [f"nodes.bob.t2_s={lost_s * factor}"]).expected()
        for factor in (0.999, 1.001)
    )
    assert worse is not None
    assert better is not None
    assert (worse.key_rate_bits_per_s or 0) < 2 < (better.key_rate_bits_per_s or 0)
    done = command("require", *arguments, "--confirm-heralds", 0)
    assert "today's hardware reaches it" in done.out


def test_what_cannot_be_reached_is_said_plainly_with_how_far_it_is(command: Command) -> None:
    arguments = (OXFORD, "--target", "herald_rate_hz >= 1e5", "--vary", f"{COLLECTION}=0.03:0.06")
    figures = asked(command, *arguments, code=1)
    assert not figures["reached"]
    assert figures["least_demanding"] is None
    best = load_scenario(
        OXFORD, [f"nodes.{name}.collection_efficiency=0.06" for name in ("alice", "bob")]
    ).expected()
    assert best is not None
    assert figures["targets"][0]["ratio"] == pytest.approx(best.herald_rate_hz / 1e5, rel=1e-3)
    assert figures["best"]["parameters"][COLLECTION]["values"] == pytest.approx([0.06] * 2)
    assert "no setting in these ranges reaches herald_rate_hz >= 100000" in figures["verdict"]


def test_without_a_word_on_what_may_change_it_says_what_matters(command: Command) -> None:
    figures = asked(command, OXFORD, "--target", "herald_rate_hz >= 1")
    (table,) = figures["sensitivities"]
    assert table["parameters"][0]["path"] == COLLECTION
    assert table["parameters"][0]["elasticity"] == pytest.approx(1.88, abs=0.05)


def test_it_says_that_nothing_matters_alone_where_there_is_no_key(command: Command) -> None:
    munich = OXFORD.with_name("munich_33km.toml")
    done = command("require", munich, "--target", "key_rate_bits_per_s >= 1")
    assert "key_rate_bits_per_s = 0 today; halved or doubled alone, no parameter" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--vary", COLLECTION], "--target: is missing"),
        (["--target", "speed >= 1"], "no figure called that"),
        (["--target", "qber <= 1", "--vary", "nodes.*.t3_s"], "did you mean 't2_s'"),
        (["--target", "qber <= 1", "--vary", "nodes.alice.species"], "is no number to vary"),
        (["--target", "qber <= 1", "--vary", f"{COLLECTION}=0.1"], "path=from:to"),
        (["--target", "qber <= 1", "--vary", f"{COLLECTION}=0.1:2"], "above 0 and in [0, 1]"),
        (["--target", "qber <= 1", "--vary", "stations.bsm.window_start_s"], "above 0"),
        (
            ["--target", "qber <= 1", "--vary", f"{COLLECTION},nodes.bob.collection_efficiency"],
            f"'{COLLECTION}' varies nodes.bob.collection_efficiency already",
        ),
        (["--target", "qber <= 1", "-o", "x.gif"], "must end in .png, .svg or .pdf"),
        (["--target", "qber <= 1", "--scenario", "other"], "is for studies"),
    ],
)
def test_a_wrong_input_is_told_in_one_message(
    command: Command, arguments: list[str], told: str
) -> None:
    done = command("require", OXFORD, *arguments)
    assert done.code == 2
    assert told in done.err
    assert not done.out


def test_a_figure_without_a_closed_form_is_refused(command: Command) -> None:
    arguments = ("--target", "fidelity >= 0.9", "--vary", "alice.detector.efficiency")
    done = command("require", USTC, *arguments)
    assert done.code == 2
    assert "has no closed form in this scenario" in done.err


STUDY = """
name = "study"
title = "a study"
scenarios = ["{scenario}"]
[block]
max_rounds = 100
[set]
"link.station.detector.dark_count_rate_hz" = 40.0
[[axes]]
path = "nodes.*.collection_efficiency"
values = [0.03, 0.3]
"""


def test_a_study_gives_its_base_and_its_axes_the_ranges(command: Command, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(STUDY.format(scenario=OXFORD))
    arguments = (file, "--target", "herald_rate_hz >= 100", "--vary", COLLECTION)
    figures = asked(command, *arguments, "--confirm-heralds", 0)
    assert figures["parameters"][0]["from"] == pytest.approx([0.03, 0.03])
    assert figures["parameters"][0]["to"] == pytest.approx([0.3, 0.3])
    changed = load_scenario(OXFORD, ["stations.bsm.detector.dark_count_rate_hz=40.0"]).expected()
    assert changed is not None
    assert figures["today"]["yield"]["chsh_s"] == pytest.approx(changed.chsh_s)


def test_an_interrupted_search_says_what_it_knows(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    forms = ClosedForms.point

    def interrupting(self: ClosedForms, at: Any) -> Any:
        if self.asked == 60:
            signal.raise_signal(signal.SIGINT)
        return forms(self, at)

    monkeypatch.setattr(ClosedForms, "point", interrupting)
    vary = f"{COLLECTION},link.station.detector.efficiency"
    figures = asked(command, OXFORD, "--target", "herald_rate_hz >= 100", "--vary", vary, code=130)
    assert figures["partial"]
    assert figures["verdict"].startswith("PARTIAL")
    assert figures["least_demanding"]["yield"]["herald_rate_hz"] >= 100
    assert figures["simulation"] is None


# --- the picture ----------------------------------------------------------------------------------


def storm(base: float | None, *values: tuple[float | None, float | None]) -> Sensitivity:
    (knob,) = knobs(load_scenario(OXFORD), COLLECTION)
    target = Target("key_rate_bits_per_s", True, 1.0)
    scenario = load_scenario(OXFORD)
    point = ClosedForms(scenario, [knob]).point([0.0])
    bars = tuple(Bar(knob, (-1.0, 1.0), pair, None, None) for pair in values)
    return Sensitivity("key_rate_bits_per_s", target, point, base, bars)


@pytest.mark.parametrize(
    ("base", "values", "bars", "scale"),
    [
        (1.0, [(0.5, 2.0)], 2, "linear"),
        (1.0, [(0.01, 100.0), (1.0, 2.0)], 4, "log"),
        (1.0, [(0.0, 100.0), (0.5, None)], 4, "log"),
        (0.0, [(0.0, 5.0)], 2, "linear"),
        (None, [(None, 5.0)], 2, "linear"),
        (0.0, [(0.0, 0.0)], 0, "linear"),
        (1.0, [(0.9, 1.1)] * 30, 40, "linear"),
    ],
)
def test_a_tornado_holds_zeros_decades_and_many_bars(
    base: float | None, values: list[Any], bars: int, scale: str
) -> None:
    figure = draw_tornado("a link", storm(base, *values))
    (axes,) = figure.axes
    assert len(axes.patches) == bars
    assert axes.get_xscale() == scale
    figure.canvas.draw()


def test_demand_in_decibels_is_ten_for_a_factor_of_ten() -> None:
    assert math.log(10) * DB == pytest.approx(10)
