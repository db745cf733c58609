"""Scenarios of photonic links from the prompt: figures, variants, refusals, interruption."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import math
import os
import signal
import tomllib
from pathlib import Path
from typing import Any

import pytest
from prompt import Command, sets

from qnetsim import InvalidInputError
from qnetsim.cli.common import interruptible
from qnetsim.photonic_result import PhotonicResult
from qnetsim.photonic_scenario import PhotonicModel, PhotonicScenario
from qnetsim.scenario import Scenario, load_scenario
from qnetsim.trace import Trace

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
USTC = SCENARIOS / "ustc_2022.toml"
SWAPPING = SCENARIOS / "photonic_swapping.toml"
AMPLIFIER = SCENARIOS / "amplifier_heralded.toml"
ALL = [USTC, SWAPPING, AMPLIFIER]

KEYS = {
    "scenario", "seed", "resolution", "partial", "sim_time_s", "wall_time_s", "attempts",
    "heralds", "herald_rate_hz", "expected_herald_rate_hz", "expected_herald_probability",
    "duty_cycle", "expected_duty_cycle", "rounds", "heralds_by_cause", "wait_s", "wait_s_stderr",
    "expected_wait_s", "heralded_fidelity", "heralded_fidelity_stderr",
    "expected_heralded_fidelity", "heralded_state", "chsh_s", "chsh_s_stderr",
    "expected_chsh_s", "qber", "qber_stderr", "expected_qber", "qber_0", "qber_0_stderr",
    "expected_qber_0", "keep_no_click", "flip_probability", "kept_key_rounds",
    "kept_key_rounds_stderr", "expected_kept_key_rounds", "conditional_entropy_bits",
    "conditional_entropy_bits_stderr", "expected_conditional_entropy_bits", "eve_entropy_bits",
    "expected_eve_entropy_bits", "correlators", "bound",
    "key_rate_bits_per_round", "key_rate_bits_per_s", "expected_key_rate_bits_per_round",
    "expected_key_rate_bits_per_s", "attacks", "assumptions",
}  # fmt: skip


def figures(path: Path, *settings: str, seed: int = 1) -> dict[str, Any]:
    return PhotonicScenario.load(path, settings).run(seed).summary()


# --- results -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_scenario_runs_from_the_prompt_as_json(command: Command, path: Path) -> None:
    done = command("run", path, "--json", "--seed", 3)
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out, parse_constant=lambda name: pytest.fail(name))
    assert set(found) == KEYS
    assert (found["scenario"], found["seed"], found["partial"]) == (path.stem, 3, False)
    assert found["rounds"] == sum(c["rounds"] for c in found["correlators"].values()) > 10**5


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_scenario_runs_from_the_prompt_as_a_table(command: Command, path: Path) -> None:
    done = command("run", path)
    assert (done.code, done.err) == (0, "")
    for words in (f"{path.stem}, seed 1", "CHSH value S", "H(A|B) of kept key rounds", "X=1 Y=2"):
        assert words in done.out
    result = PhotonicScenario.load(path).run(1)
    assert "CHSH value S" in result._repr_html_()


def test_the_table_of_a_link_without_a_bound_says_so(command: Command) -> None:
    done = command("run", USTC, *sets("protocol.bound=none"))
    assert "no bound for its key rate" in done.out
    assert "H(A|E)" not in done.out


def test_the_table_of_a_link_shows_what_is_published(command: Command) -> None:
    done = command("run", USTC)
    assert "2.006709 (2.6e-05)" in done.out, "as many digits as the standard error has"
    for words in ("0.559953", "0.000233", "466", "H(A|B,V) at 20 m"):
        assert words in done.out
    assert "what made the station herald" not in done.out


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        (USTC, ()),
        (USTC, ("run.resolution=rounds", "run.rounds_per_setting=1000000")),
        (SWAPPING, ()),
        (SWAPPING, ("pair_source.angle_deg=30", "pair_source.visibility=0.95",
                    "bob.relay.pairs.angle_deg=60", "bob.relay.pairs.visibility=0.95")),
        (SWAPPING, ("run.resolution=attempt", "pair_source.mean_pairs=0.1",
                    "bob.relay.pairs.mean_pairs=0.1", "run.max_rounds=100000")),
        (AMPLIFIER, ()),
        (AMPLIFIER, ("run.resolution=attempt", "run.max_rounds=100000")),
        (AMPLIFIER, ("bob.relay.station.detector.number_resolving=false",)),
        (AMPLIFIER, ("bob.relay.source=pairs",)),
        (AMPLIFIER, ("alice.herald=relay",)),
        (AMPLIFIER, ("bob.herald=non-demolition",)),
        (AMPLIFIER, ("pair_source.statistics=thermal", "pair_source.mean_pairs=0.01")),
    ],
)  # fmt: skip
def test_what_is_simulated_lies_within_five_standard_errors_of_the_closed_forms(
    path: Path, settings: tuple[str, ...]
) -> None:
    found = figures(path, *settings)
    assert found["rounds"] >= 10**5
    for key in ("chsh_s", "qber", "kept_key_rounds", "conditional_entropy_bits"):
        bound = 5 * found[f"{key}_stderr"] + 1e-12
        assert abs(found[key] - found[f"expected_{key}"]) < bound, key
    if found["heralds"] is not None:
        error = abs(found["heralded_fidelity"] - found["expected_heralded_fidelity"])
        assert error < 5 * found["heralded_fidelity_stderr"]
        shares = [one["expected_share"] for one in found["heralded_state"].values()]
        assert found["expected_heralded_fidelity"] == max(shares)
    for correlator in found["correlators"].values():
        assert abs(correlator["value"] - correlator["expected"]) < 5 * correlator["stderr"]
    if found["heralds"] is not None:
        p, rounds = found["expected_herald_probability"], found["rounds"]
        spread = math.sqrt((1 - p) / rounds)
        assert abs(found["herald_rate_hz"] / found["expected_herald_rate_hz"] - 1) < 5 * spread
        for cause in found["heralds_by_cause"].values():
            share = cause["expected_share"]
            assert abs(cause["heralds"] - rounds * share) <= 5 * math.sqrt(rounds * share) + 1


def test_the_same_seed_gives_the_same_result_and_another_one_another() -> None:
    found = [figures(AMPLIFIER, seed=seed) for seed in (1, 1, 2)]
    for one in found:
        del one["wall_time_s"], one["seed"]
    assert found[0] == found[1] != found[2]


# --- what the variants show ----------------------------------------------------------------------

ON_DEMAND = (
    "pair_source.statistics=single", "pair_source.mean_pairs=1",
    "bob.relay.pairs.statistics=single", "bob.relay.pairs.mean_pairs=1",
    "pair_source.coupling_efficiency=0.99", "bob.relay.pairs.coupling_efficiency=0.99",
)  # fmt: skip
PERFECT = (
    "run.max_rounds=1000", "pair_source.coupling_efficiency=1",
    "bob.relay.pairs.coupling_efficiency=1", "bob.relay.station.optics_transmission=1",
    "bob.relay.station.photon_overlap=1",
    *(f"{user}.optics_transmission=1" for user in ("alice", "bob")),
    *(f"{place}.detector.{key}" for place in ("alice", "bob", "bob.relay.station")
      for key in ("efficiency=1", "dark_count_rate_hz=0")),
)  # fmt: skip


def test_swapping_with_perfect_parts_and_weak_sources_reaches_what_half_of_its_heralds_allow() -> (
    None
):
    """A pair gives 2 sqrt(2). Else one user has an H and a V photon and the other none.

    Bob with none has b = -1, and Alice's two photons make both her detectors click at 0 degrees,
    a = +1, whence S = 2 a_0 = 2. Alice with none has a = +1, and at -22.5 degrees Bob's two
    photons make both click half of the time, b = -1, or one of them, at random: S = -2 b_1 = 1.
    """
    weak = ("pair_source.mean_pairs=1e-6", "bob.relay.pairs.mean_pairs=1e-6")
    found = figures(SWAPPING, *PERFECT, *weak)
    assert found["expected_chsh_s"] == pytest.approx(math.sqrt(2) + 0.75, abs=2e-5)


def test_swapping_violates_nothing_with_down_conversion_and_does_with_pairs_on_demand() -> None:
    converted, single = figures(SWAPPING), figures(SWAPPING, *ON_DEMAND)
    assert converted["expected_chsh_s"] < 2 < 2.4 < single["expected_chsh_s"]
    assert converted["key_rate_bits_per_round"] == 0
    shares = converted["heralds_by_cause"]
    assert shares["pair"]["expected_share"] < 0.5 < shares["vacuum"]["expected_share"]


def test_an_amplifier_of_threshold_detectors_heralds_more_and_photons_less() -> None:
    counting = figures(AMPLIFIER)
    threshold = figures(AMPLIFIER, "bob.relay.station.detector.number_resolving=false")
    assert threshold["expected_herald_rate_hz"] > counting["expected_herald_rate_hz"]
    shares = [one["heralds_by_cause"]["pair"]["expected_share"] for one in (threshold, counting)]
    assert shares[0] < shares[1]
    rates = [one["expected_key_rate_bits_per_round"] for one in (threshold, counting)]
    assert 0 < rates[0] < rates[1]


def test_an_amplifier_on_either_side_lets_a_longer_link_have_its_key() -> None:
    """Without one on Alice's side too, her half of the fibre loses what nothing announces."""
    midway = ("fibres.alice.length_m=5000", "fibres.bob.length_m=5000")
    one = figures(AMPLIFIER, *midway)
    both = figures(AMPLIFIER, *midway, "alice.herald=relay")
    assert one["expected_key_rate_bits_per_round"] == 0
    assert both["expected_key_rate_bits_per_round"] > 0.03


def test_a_link_that_heralds_nothing_says_what_it_cannot_know(command: Command) -> None:
    settings = ("bob.herald=non-demolition", "bob.non_demolition.detection_probability=0",
                "bob.non_demolition.false_herald_probability=0", "run.duration_s=1e-3")  # fmt: skip
    done = command("run", AMPLIFIER, "--json", *sets(*settings))
    found = json.loads(done.out)
    assert (done.code, found["heralds"], found["correlators"]) == (0, 0, {})
    for key in ("chsh_s", "expected_chsh_s", "qber", "expected_qber", "key_rate_bits_per_round",
                "heralded_fidelity", "expected_heralded_fidelity",
                "expected_key_rate_bits_per_round", "conditional_entropy_bits"):  # fmt: skip
        assert found[key] is None
    assert command("run", AMPLIFIER, *sets(*settings)).code == 0


# --- files of either kind ------------------------------------------------------------------------


def test_a_file_is_read_as_what_it_describes(munich: Path) -> None:
    assert isinstance(load_scenario(munich), Scenario)
    assert isinstance(load_scenario(USTC), PhotonicScenario)


def test_a_timeline_is_refused_as_nothing_waits(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command("plot", AMPLIFIER, "--what", "timeline", "-o", "x.png")
    assert (done.code, done.out) == (2, "")
    assert "is for links of memories only: nothing in a photonic link waits for a message" in (
        done.err
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ALL)
def test_a_trace_says_what_was_run_and_nothing_of_times(path: Path) -> None:
    trace, scenario = Trace(), PhotonicScenario.load(path)
    result = scenario.run(5, trace)
    assert trace.spans == []
    assert trace.about["seed"] == 5
    assert result.counts is not None
    assert trace.about["rounds"] == result.counts.sum()
    assert trace.about["heralded"] == (path != USTC)
    protocol = scenario.model.protocol
    assert type(protocol).model_validate(trace.about["protocol"]) == protocol.model_copy(
        update={"certificate": None}
    ), "all but where the machine keeps its files"


def test_settings_in_turn_need_an_assumption_for_a_key_rate() -> None:
    data = tomllib.loads(USTC.read_text())
    data["protocol"]["certificate"] = str(USTC.parent / data["protocol"]["certificate"])
    assert PhotonicScenario(data).run(1).key_rate_bits_per_round
    del data["protocol"]["isolation"]["instead_of_random_settings"]
    with pytest.raises(InvalidInputError, match="must be 'none' where settings are played in turn"):
        PhotonicScenario(data)


def test_a_certificate_for_other_statistics_gives_a_lower_rate_and_never_a_higher_one() -> None:
    """It is affine and holds for all devices, so that the one made for a link is its best."""
    own = PhotonicScenario.load(USTC)
    for change in ("alice.detector.efficiency=0.9", "pair_source.mean_pairs=0.04"):
        other = PhotonicScenario.load(USTC, [change])
        assert other.certificate == own.certificate
        found = other.run(1).expected_eve_entropy_bits
        assert found is not None
        assert 0 < found < 1


def test_a_run_of_the_library_refuses_a_wrong_seed() -> None:
    with pytest.raises(InvalidInputError, match="seed = -1: must be a whole number"):
        PhotonicScenario.load(USTC).run(-1)


# --- wrong input ---------------------------------------------------------------------------------

REFUSED = [
    (USTC, "alice.detector.efficiency=1.2", "alice.detector.efficiency = 1.2: must lie in [0, 1]"),
    (USTC, "alice.detector.eficiency=1", "unknown path; did you mean 'efficiency'?"),
    (USTC, "pair_source.modes=0", "pair_source.modes = 0: must lie in [1, 1e+09]"),
    (USTC, "run.resolution=herald", "must be one of 'counts' or 'rounds' where nothing heralds"),
    (USTC, "protocol.settings=drawn", "run.rounds_per_setting: has a meaning only where settings"),
    (USTC, "protocol.certificate=no.npz", "no.npz: cannot be read: No such file"),
    (USTC, "protocol.certificate=photonic_swapping.toml", "holds no certificate"),
    (USTC, "protocol.keep_no_click=0.9", "must be for the statistics of 2 x 3 settings and RawKey"),
    (SWAPPING, "protocol.bound=sdp", "protocol.certificate: is needed for the bound 'sdp'"),
    (USTC, "protocol.bound=chsh", "must be 'sdp' or 'none' with keep_no_click below"),
    (USTC, "run.max_rounds=5", "ends with its rounds_per_setting"),
    (USTC, "protocol.key_pairs=[[0, 3]]", "protocol.key_pairs.0.1 = 3: must be below the 3"),
    (USTC, "protocol.chsh_terms=[[0,0,1],[0,1,1],[1,0,1],[1,1,1]]", "or S is no Bell test"),
    (USTC, "alice.window_s=1e-6", "alice.window_s = 1e-06: must be at most the time between"),
    (USTC, "alice.detector.dead_time_s=1", "alice.detector.dead_time_s = 1"),
    (USTC, "alice.detector.jitter_s=1e-9", "alice.detector.jitter_s = 1e-09: must be 0"),
    (USTC, "bob.detector.afterpulse_probability=0.1", "must be 0: pulses are independent"),
    (USTC, "bob.detector.number_resolving=true", "must be false: a user's detectors are read as"),
    (USTC, "fibres.bob.drift_db_per_hour=1", "fibres.bob.drift_db_per_hour = 1"),
    (USTC, "fibres.bob.rotation_deg=1", "fibres.bob.rotation_deg = 1"),
    (USTC, "bob.herald=relay", "needs a table 'relay'"),
    (SWAPPING, "run.resolution=rounds", "one of 'herald' or 'attempt' where something heralds"),
    (SWAPPING, "protocol.settings=in-turn", "must be 'drawn' where something heralds"),
    (SWAPPING, "pair_source.statistics=poisson", "pairs must share one mode"),
    (SWAPPING, "bob.relay.pairs.statistics=poisson", "bob.relay.pairs.statistics = 'poisson'"),
    (SWAPPING, "bob.relay.pairs.mean_pairs=0.6", "must lie in [0, 0.5] where something heralds"),
    (SWAPPING, "bob.relay.pairs.angle_deg=400", "angle_deg = 400: must lie in [-360, 360]"),
    (SWAPPING, "pair_source.modes=2", "pair_source.modes = 2"),
    (SWAPPING, "bob.relay.station.window_s=1", "bob.relay.station.window_s = 1"),
    (SWAPPING, "bob.relay.source=photons", "needs a table 'photons', its source"),
    (SWAPPING, "protocol.flip_probability=0.1", "must be 'sdp' or 'none' with keep_no_click"),
    (SWAPPING, "protocol.bound=two-basis", "must have 2 for the bound 'two-basis'"),
    (SWAPPING, "protocol.key_pairs=[[0, 2], [1, 0]]", "must have 1 for the bound 'chsh'"),
    (SWAPPING, "run.duration_s=1e-9", "run.duration_s = 1e-09: must hold a pulse at least"),
    (SWAPPING, "nodes.alice.t2_s=1", "--set nodes: unknown path; known here: alice, bob"),
]


@pytest.mark.parametrize(("path", "setting", "words"), REFUSED)
def test_wrong_input_is_refused_with_its_path_value_and_bound(
    command: Command, path: Path, setting: str, words: str
) -> None:
    done = command("run", path, "--set", setting)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert "Traceback" not in done.err


def test_every_fault_is_told_at_once(command: Command) -> None:
    wrong = ("alice.no_click=7", "pair_source.mean_pairs=-1", "bob.angels=1")
    done = command("run", USTC, *sets(*wrong))
    assert done.code == 2
    assert "3 faults" in done.err
    for words in ("alice.no_click = 7", "pair_source.mean_pairs = -1", "--set bob.angels"):
        assert words in done.err


def test_a_fibre_from_the_table_needs_the_wavelength(command: Command, tmp_path: Path) -> None:
    text = USTC.read_text().replace("attenuation_db_per_km = 0.2", 'type = "smf28_ultra"')
    text = text.replace('bound = "sdp"', 'bound = "none"')
    path = tmp_path / "table.toml"
    path.write_text(text)
    assert command("run", path, "--json").code == 0
    path.write_text(text.replace("wavelength_m = 1560e-9", ""))
    done = command("run", path)
    assert done.code == 2
    assert "pair_source.wavelength_m" in done.err


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_scenario_without_any_one_of_its_values_is_refused_or_runs(path: Path) -> None:
    whole = tomllib.loads(path.read_text())

    def places(table: Any) -> list[tuple[Any, Any]]:
        keys = list(table) if isinstance(table, dict) else range(len(table))
        deeper = [place for key in keys if isinstance(table[key], dict | list)
                  for place in places(table[key])]  # fmt: skip
        return [(table, key) for key in keys] + deeper

    for number in range(len(places(whole))):
        data = copy.deepcopy(whole)
        table, key = places(data)[number]
        del table[key]
        with contextlib.suppress(InvalidInputError):
            PhotonicScenario(data)


def test_the_schema_of_the_model_can_be_made() -> None:
    assert "pair_source" in PhotonicModel.model_json_schema()["properties"]


# --- interruption --------------------------------------------------------------------------------

LONG = ("run.rounds_per_setting=1000000000", "run.resolution=rounds")


def interrupted_run(path: Path, *settings: str) -> PhotonicResult:
    """Presses Ctrl-C at the second report."""
    reports: list[int] = []
    with interruptible() as caught:

        def report(_: float, rounds: int) -> bool:
            reports.append(rounds)
            if len(reports) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return not caught

        return PhotonicScenario.load(path, settings).run(1, report=report)


@pytest.mark.parametrize(
    ("path", "settings"),
    [
        (USTC, LONG),
        (SWAPPING, ("run.max_rounds=1000000000",)),
        (AMPLIFIER, ("run.resolution=attempt", "run.max_rounds=1000000000")),
    ],
)
def test_an_interrupted_run_holds_what_was_played(path: Path, settings: tuple[str, ...]) -> None:
    result = interrupted_run(path, *settings)
    found = result.summary()
    assert found["partial"] is True
    assert 0 < found["rounds"] < 10**9
    assert found["sim_time_s"] > 0
    json.dumps(found, allow_nan=False)
    assert "PARTIAL" in result._title()


def test_ctrl_c_at_the_prompt_prints_the_result_so_far_and_exits_with_130(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = importlib.import_module("qnetsim.cli.run")
    monkeypatch.setattr(run, "_PLAIN_PROGRESS_EVERY_S", 0.0)
    spoken = []

    def press(text: str, **kwargs: Any) -> None:
        spoken.append(text)
        if len(spoken) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    echo = run.click.echo
    monkeypatch.setattr(
        run.click, "echo", lambda text, **kw: press(text) if kw.get("err") else echo(text, **kw)
    )
    done = command("run", USTC, "--json", *sets(*LONG))
    assert done.code == 130
    assert json.loads(done.out)["partial"] is True
    assert "rounds" in spoken[0]
    assert "% " in spoken[0]
