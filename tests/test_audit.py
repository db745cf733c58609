"""The audit: each verdict is seen, and what a trace lacks is never fine."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt import Command, sets

from qnetsim import InvalidInputError, PhotonicScenario, Scenario, Trace
from qnetsim.audit.checks import Check, Verdict
from qnetsim.audit.summary import Audit, audit_trace
from qnetsim.nodes.slot import Slot
from qnetsim.protocols import slot_cycle
from qnetsim.protocols.diqkd import PartyProcess
from qnetsim.protocols.slot_cycle import Herald

ROOT = Path(__file__).resolve().parent.parent
QUICK = [f"nodes.{node}.{setting}" for node in ("alice", "bob") for setting in (
    "collection_efficiency=0.3", "trap.loading_mean_s=0.01")]  # fmt: skip
QUICK += ["run.max_rounds=8"]
SEPARATION = Check("space_like_separation", "")
CHECKS = [SEPARATION] + [
    Check(name, party)
    for name in ("setting_after_herald", "shutter_closed", "trap_emptied")
    for party in ("alice", "bob")
]
ASSUMED = {SEPARATION, Check("shutter_closed", "alice")}
LIGHT_M_PER_S = 299792458

File = dict[str, Any]


def played(*settings: str, scenario: str = "munich_2022", seed: int = 1) -> Trace:
    trace = Trace()
    path = ROOT / "scenarios" / f"{scenario}.toml"
    Scenario.load(path, [*QUICK, *settings]).run(seed, trace)
    return trace


@pytest.fixture(scope="module")
def munich_trace(tmp_path_factory: pytest.TempPathFactory) -> File:
    path = tmp_path_factory.mktemp("traces") / "t.json"
    played().write(path)
    file: File = json.loads(path.read_text())
    return file


@pytest.fixture
def trace_file(munich_trace: File) -> File:
    """A trace of eight rounds, to be edited."""
    return copy.deepcopy(munich_trace)


def audited(file: File, folder: Path) -> Audit:
    path = folder / "t.json"
    path.write_text(json.dumps(file))
    return audit_trace(path, each_round=True)


def event(file: File, party: str, name: str, number: int = 3) -> File:
    """Returns the event of a round: a span of a name once its herald was sent."""
    tid = ["alice", "bob"].index(party)
    spans = [e for e in file["traceEvents"] if e["ph"] == "X" and e["tid"] == tid]
    herald = next(e for e in spans if e["name"] == "herald" and e["args"]["number"] == number)
    return next(e for e in spans if e["name"] == name and e["ts"] >= herald["ts"])


def verdicts(audit: Audit) -> dict[Check, Verdict]:
    return {check: tally.verdict for check, tally in audit.checks.items()}


def changed(audit: Audit) -> dict[Check, Verdict]:
    """Returns the verdicts that are not those of the untouched trace."""
    usual = {c: Verdict.ASSUMED if c in ASSUMED else Verdict.HOLDS for c in CHECKS}
    return {c: verdict for c, verdict in verdicts(audit).items() if verdict != usual[c]}


def rounds_of(audit: Audit, check: Check) -> list[int]:
    return [each.number for each, _ in audit.checks[check].failures()]


# --- what runs give -------------------------------------------------------------------------------


def test_munich_holds_but_for_what_its_scenario_says_is_assumed(
    trace_file: File, tmp_path: Path
) -> None:
    audit = audited(trace_file, tmp_path)
    assert list(audit.checks) == CHECKS
    assert audit.rounds == 8
    assert changed(audit) == {}
    assert audit.verdict is Verdict.ASSUMED
    words = str(audit.checks[SEPARATION].assumed)
    fibre_us = 700 * 1.468 / LIGHT_M_PER_S * 1e6  # by which Bob hears of the herald after Alice
    assert float(words.split(" us")[0]) == pytest.approx(fibre_us + 0.8, abs=0.003)
    assert f"light takes {400 / LIGHT_M_PER_S * 1e6:.4g} us" in words
    assert "neither laboratory lets out" in words


def test_playing_each_attempt_passes_the_same_audit(tmp_path: Path) -> None:
    trace = played("run.resolution=attempt", "run.max_rounds=3")
    trace.write(tmp_path / "t.json.gz")
    audit = audit_trace(tmp_path / "t.json.gz")
    assert audit.rounds == 3
    assert changed(audit) == {}


def test_ions_that_stay_in_their_traps_rest_on_assumptions(tmp_path: Path) -> None:
    played(scenario="oxford_2022").write(tmp_path / "t.json")
    audit = audit_trace(tmp_path / "t.json")
    found = verdicts(audit)
    assert {c.name for c, v in found.items() if v is Verdict.ASSUMED} == {
        "space_like_separation",
        "shutter_closed",
        "trap_emptied",
    }
    assert audit.verdict is Verdict.ASSUMED


def test_a_scenario_that_states_nothing_fails(tmp_path: Path) -> None:
    played(scenario="munich_33km").write(tmp_path / "t.json")
    audit = audit_trace(tmp_path / "t.json")
    assert verdicts(audit)[SEPARATION] is Verdict.NOT_STATED
    assert verdicts(audit)[Check("shutter_closed", "alice")] is Verdict.VIOLATED
    assert audit.of_the_run["leak_allowance"].verdict is Verdict.NOT_STATED
    assert audit.verdict is Verdict.VIOLATED


def test_a_round_under_way_when_a_run_ends_is_no_round(tmp_path: Path) -> None:
    whole = played()
    heard_ps = max(s.start_ps for s in whole.spans if s.name == "herald")
    # Alice has her last outcome by then, and Bob has not.
    trace = played(f"run.duration_s={(heard_ps + 2_000_000) / 1e12!r}")
    assert sum(s.name == "outcome" for s in trace.spans) == 15
    trace.write(tmp_path / "t.json")
    audit = audit_trace(tmp_path / "t.json")
    assert audit.rounds == 7
    assert changed(audit) == {}


# --- pulses, which have no times ------------------------------------------------------------------


def pulses(folder: Path, scenario: str, *settings: str) -> Audit:
    trace = Trace()
    PhotonicScenario.load(ROOT / "scenarios" / f"{scenario}.toml", settings).run(1, trace)
    trace.write(folder / "t.json")
    return audit_trace(folder / "t.json")


def test_settings_played_in_turn_are_a_violation_in_every_round(tmp_path: Path) -> None:
    nothing = ("protocol.bound=none", "protocol.isolation={}")
    audit = pulses(tmp_path, "ustc_2022", "run.rounds_per_setting=1000", *nothing)
    assert audit.rounds == 6000
    assert audit.checks[Check("settings_at_random", "")].counts == {Verdict.VIOLATED: 6000}
    assert audit.checks[SEPARATION].counts == {Verdict.NOT_RECORDED: 6000}
    assert audit.verdict is Verdict.VIOLATED
    assert audit.summary()["checks"][1]["first"][0]["why"].startswith("they are played in turn")


def test_settings_played_in_turn_are_an_assumption_where_the_scenario_says_so(
    tmp_path: Path,
) -> None:
    audit = pulses(tmp_path, "ustc_2022", "run.rounds_per_setting=1000")
    assert audit.checks[Check("settings_at_random", "")].counts == {Verdict.ASSUMED: 6000}


def test_a_photonic_link_shows_no_order_in_time_and_does_not_pass(tmp_path: Path) -> None:
    walls = "protocol.isolation.instead_of_separation=walls"
    audit = pulses(tmp_path, "amplifier_heralded", "run.max_rounds=50", walls)
    assert verdicts(audit) == {
        SEPARATION: Verdict.ASSUMED,
        Check("settings_at_random", ""): Verdict.HOLDS,
        Check("setting_after_herald", ""): Verdict.NOT_RECORDED,
    }
    assert not audit.verdict.passes


def test_what_leaks_is_deducted_from_a_photonic_key_too() -> None:
    path = ROOT / "scenarios" / "amplifier_heralded.toml"
    rates = [
        PhotonicScenario.load(path, ["run.max_rounds=50", f"protocol.isolation.{leak}"])
        .run(1)
        .expected_key_rate_bits_per_round
        for leak in ("leak_bits_per_round=0.0", "leak_bits_per_round=0.001")
    ]
    assert rates[0] is not None
    assert rates[1] == pytest.approx(rates[0] - 0.001, rel=1e-9)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("party", ["alice", "bob"])
def test_a_setting_drawn_before_the_herald_is_a_violation(
    trace_file: File, tmp_path: Path, party: str
) -> None:
    herald = event(trace_file, party, "herald")
    event(trace_file, party, "choice")["ts"] = herald["ts"] + herald["dur"] - 0.001
    audit = audited(trace_file, tmp_path)
    check = Check("setting_after_herald", party)
    assert changed(audit) == {check: Verdict.VIOLATED}
    ((each, finding),) = audit.checks[check].failures()
    assert each.number == 3
    assert each.time_s == pytest.approx(herald["ts"] / 1e6)
    assert finding.why == "drawn 1 ns before the herald was heard"


def test_a_setting_drawn_after_its_outcome_is_a_violation(trace_file: File, tmp_path: Path) -> None:
    event(trace_file, "bob", "choice")["ts"] += 2
    assert changed(audited(trace_file, tmp_path)) == {
        Check("setting_after_herald", "bob"): Verdict.VIOLATED
    }


# --- space-like separation ------------------------------------------------------------------------


def test_distant_laboratories_are_space_like_separated(trace_file: File, tmp_path: Path) -> None:
    trace_file["otherData"]["protocol"]["isolation"]["distance_m"] = 1270.0
    assert changed(audited(trace_file, tmp_path)) == {SEPARATION: Verdict.HOLDS}


@pytest.mark.parametrize(
    ("distance_m", "assumed", "verdict"),
    [
        (400.0, None, Verdict.VIOLATED),
        (None, None, Verdict.NOT_STATED),
        (None, "walls", Verdict.ASSUMED),
        (400.0, "walls", Verdict.ASSUMED),
        (2000.0, None, Verdict.HOLDS),
    ],
)
def test_separation_needs_a_distance_or_an_assumption(
    trace_file: File, tmp_path: Path, distance_m: float | None, assumed: str | None, verdict: str
) -> None:
    isolation = {"distance_m": distance_m, "instead_of_separation": assumed}
    stated = {k: v for k, v in isolation.items() if v is not None}
    trace_file["otherData"]["protocol"]["isolation"] = stated
    assert verdicts(audited(trace_file, tmp_path))[SEPARATION] == verdict


@given(
    times=st.tuples(*[st.integers(0, 3_000_000)] * 4),
    distance_m=st.integers(0, 900),
    offset=st.sampled_from([0, 10**15 + 1, 27 * 10**16 + 777]),
)
def test_what_rounds_to_space_like_separated_is_so_to_the_picosecond(
    tmp_path_factory: pytest.TempPathFactory,
    times: tuple[int, int, int, int],
    distance_m: int,
    offset: int,
) -> None:
    """Against the interval c^2 dt^2 < d^2 in integers, of unrounded events."""
    (first, first_s, second, second_s), trace = times, Trace()
    points = {"alice": (first, first + first_s), "bob": (second, second + second_s)}
    for party, (chosen, known) in points.items():
        trace.add(party, "choice", offset + chosen, offset + chosen, number=0)
        trace.add(party, "outcome", offset + known, offset + known, number=0)
    parties = [{"node": "alice"}, {"node": "bob"}]
    isolation = {"distance_m": float(distance_m)}
    trace.about = {"rounds": 1, "protocol": {"parties": parties, "isolation": isolation}}
    path = tmp_path_factory.getbasetemp() / "interval.json"
    trace.write(path)
    later_ps = max(points["bob"][1] - points["alice"][0], points["alice"][1] - points["bob"][0])
    space_like = LIGHT_M_PER_S * later_ps < distance_m * 10**12
    verdict = verdicts(audit_trace(path))[SEPARATION]
    if verdict is Verdict.HOLDS:
        assert space_like
    elif LIGHT_M_PER_S * (later_ps + 2000) < distance_m * 10**12:
        pytest.fail("2 ns to spare are enough")


def test_a_nanosecond_lost_to_rounding_is_not_taken_for_separation(tmp_path: Path) -> None:
    """Light needs 1334.256 ns, the outcome takes 1334.9 ns, and the file says 1334 ns."""
    trace = Trace()
    for party in ("alice", "bob"):
        trace.add(party, "choice", 0, 0, number=0)
        trace.add(party, "outcome", 1_334_900, 1_334_900, number=0)
    parties = [{"node": "alice"}, {"node": "bob"}]
    trace.about = {"protocol": {"parties": parties, "isolation": {"distance_m": 400.0}}}
    trace.write(tmp_path / "t.json")
    assert verdicts(audit_trace(tmp_path / "t.json"))[SEPARATION] is Verdict.VIOLATED


# --- shutter and trap -----------------------------------------------------------------------------


def test_a_shutter_that_is_too_slow_for_the_next_loading_is_a_violation(
    trace_file: File, tmp_path: Path
) -> None:
    shutter = event(trace_file, "bob", "shutter")
    event(trace_file, "bob", "loading")["ts"] = shutter["ts"] + shutter["dur"] - 1000
    audit = audited(trace_file, tmp_path)
    assert changed(audit) == {
        Check("shutter_closed", "bob"): Verdict.VIOLATED,
        Check("trap_emptied", "bob"): Verdict.VIOLATED,
    }
    ((_, finding),) = audit.checks[Check("shutter_closed", "bob")].failures()
    assert finding.why == "the node reopened 1 ms before shutter was over"


@pytest.mark.parametrize(
    ("activity", "check"), [("shutter", "shutter_closed"), ("emptying", "trap_emptied")]
)
def test_an_activity_cut_short_or_left_out_is_a_violation(
    trace_file: File, tmp_path: Path, activity: str, check: str
) -> None:
    missing = copy.deepcopy(trace_file)
    missing["traceEvents"].remove(event(missing, "bob", activity))
    event(trace_file, "bob", activity)["dur"] /= 2
    for file, why in ((missing, "no " + activity), (trace_file, "it needs")):
        audit = audited(file, tmp_path)
        assert changed(audit) == {Check(check, "bob"): Verdict.VIOLATED}
        ((each, finding),) = audit.checks[Check(check, "bob")].failures()
        assert each.number == 3
        assert why in finding.why


def test_an_attempt_during_the_readout_reopens_the_link(trace_file: File, tmp_path: Path) -> None:
    outcome = event(trace_file, "bob", "outcome")
    flight = {"ph": "X", "pid": 0, "tid": 1, "name": "flight", "dur": 1.0, "args": {}}
    trace_file["traceEvents"].append(flight | {"ts": outcome["ts"] - 0.1})
    audit = audited(trace_file, tmp_path)
    assert changed(audit) == {
        Check("shutter_closed", "bob"): Verdict.VIOLATED,
        Check("trap_emptied", "bob"): Verdict.VIOLATED,
    }


def test_an_activity_that_no_version_knows_counts_as_open(trace_file: File, tmp_path: Path) -> None:
    event(trace_file, "bob", "emptying")["name"] = "hand over"
    found = changed(audited(trace_file, tmp_path))
    assert found == {Check("trap_emptied", "bob"): Verdict.VIOLATED}


def test_a_node_without_a_shutter_needs_an_assumption(trace_file: File, tmp_path: Path) -> None:
    del trace_file["otherData"]["protocol"]["isolation"]["instead_of_shutter"]
    assert changed(audited(trace_file, tmp_path)) == {
        Check("shutter_closed", "alice"): Verdict.VIOLATED
    }


def test_an_assumption_does_not_excuse_a_shutter_left_open(
    trace_file: File, tmp_path: Path
) -> None:
    assert "instead_of_shutter" in trace_file["otherData"]["protocol"]["isolation"]
    trace_file["traceEvents"].remove(event(trace_file, "bob", "shutter"))
    assert changed(audited(trace_file, tmp_path)) == {
        Check("shutter_closed", "bob"): Verdict.VIOLATED
    }


# --- a protocol that does not do what it should ---------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (lambda pauses: [], {"shutter_closed", "trap_emptied"}),
        (lambda pauses: pauses[:1], {"trap_emptied"}),
        (lambda pauses: [(name, pause // 2) for name, pause in pauses],
         {"shutter_closed", "trap_emptied"}),
    ],
)  # fmt: skip
def test_a_slot_that_reopens_early_is_caught(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    broken: Callable[[list[Any]], list[Any]],
    found: set[str],
) -> None:
    sound = slot_cycle._recovery_ps
    monkeypatch.setattr(slot_cycle, "_recovery_ps", lambda node: broken(sound(node)))
    played().write(tmp_path / "t.json")
    audit = audit_trace(tmp_path / "t.json")
    wrong = {c.name for c, v in changed(audit).items() if c.party == "bob"}
    assert wrong == found
    for check in found:
        tally = audit.checks[Check(check, "bob")]
        assert tally.counts[Verdict.VIOLATED] == 7, "all but the last, after which the run ends"


def test_a_party_that_draws_its_setting_for_the_next_herald_is_caught(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def note(self: PartyProcess, name: str, slot: Slot, herald: Herald) -> None:
        now, trace = self._timeline.now, self._timeline.trace
        if name == "outcome" and trace is not None:
            trace.add(slot.name, "outcome", now, now, number=herald.number)
            trace.add(slot.name, "choice", now, now, number=herald.number + 1)

    monkeypatch.setattr(PartyProcess, "_note", note)
    played().write(tmp_path / "t.json")
    audit = audit_trace(tmp_path / "t.json")
    for party in ("alice", "bob"):
        counts = audit.checks[Check("setting_after_herald", party)].counts
        assert counts == {Verdict.VIOLATED: 7, Verdict.NOT_RECORDED: 1}
    assert audit.verdict is Verdict.VIOLATED


# --- what a trace lacks ---------------------------------------------------------------------------


@pytest.mark.parametrize("party", ["alice", "bob"])
@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("herald", {"setting_after_herald", "shutter_closed", "trap_emptied"}),
        ("choice", {"setting_after_herald", "space_like_separation"}),
        (
            "outcome",
            {
                "setting_after_herald",
                "space_like_separation",
                "shutter_closed",
                "trap_emptied",
            },
        ),
    ],
)
def test_a_missing_event_is_not_recorded(
    trace_file: File, tmp_path: Path, party: str, name: str, checks: set[str]
) -> None:
    trace_file["traceEvents"].remove(event(trace_file, party, name))
    audit = audited(trace_file, tmp_path)
    assert {check.name for check in changed(audit)} == checks
    assert set(changed(audit).values()) == {Verdict.NOT_RECORDED}
    assert all(rounds_of(audit, check) == [3] for check in changed(audit))


def test_a_round_without_any_event_is_missed(trace_file: File, tmp_path: Path) -> None:
    trace_file["traceEvents"] = [
        e for e in trace_file["traceEvents"] if e.get("args", {}).get("number") != 3
    ]
    audit = audited(trace_file, tmp_path)
    assert audit.rounds == 8
    assert set(verdicts(audit).values()) == {Verdict.NOT_RECORDED}
    assert audit.of_the_run["rounds_recorded"].verdict is Verdict.NOT_RECORDED
    assert all(tally.counts[Verdict.NOT_RECORDED] == 1 for tally in audit.checks.values())


def test_a_trace_cut_in_the_middle_lacks_rounds(trace_file: File, tmp_path: Path) -> None:
    events = trace_file["traceEvents"]
    cut = events.index(event(trace_file, "alice", "herald", 5))
    trace_file["traceEvents"] = events[:cut]
    audit = audited(trace_file, tmp_path)
    assert audit.verdict is Verdict.NOT_RECORDED
    assert audit.rounds == 8
    assert set(verdicts(audit).values()) == {Verdict.NOT_RECORDED}


def test_more_rounds_than_are_stated_are_audited_and_told(trace_file: File, tmp_path: Path) -> None:
    trace_file["otherData"]["rounds"] = 2
    event(trace_file, "bob", "choice", 6)["ts"] -= 1000
    audit = audited(trace_file, tmp_path)
    assert audit.rounds == 8
    assert changed(audit)[Check("setting_after_herald", "bob")] is Verdict.VIOLATED
    assert audit.of_the_run["rounds_recorded"].verdict is Verdict.NOT_RECORDED


@pytest.mark.parametrize("key", ["rounds", "protocol", "nodes", "sim_time_s"])
def test_a_head_that_lacks_a_part_is_never_fine(trace_file: File, tmp_path: Path, key: str) -> None:
    del trace_file["otherData"][key]
    audit = audited(trace_file, tmp_path)
    assert not audit.verdict.passes
    findings = [*verdicts(audit).values(), *(f.verdict for f in audit.of_the_run.values())]
    assert Verdict.NOT_RECORDED in findings


def test_a_trace_of_an_older_version_has_nothing_that_holds(
    trace_file: File, tmp_path: Path
) -> None:
    del trace_file["otherData"]
    trace_file["traceEvents"] = [
        e for e in trace_file["traceEvents"] if e["name"] not in ("choice", "outcome")
    ]
    audit = audited(trace_file, tmp_path)
    assert set(verdicts(audit).values()) == {Verdict.NOT_RECORDED}
    assert {f.verdict for f in audit.of_the_run.values()} == {Verdict.NOT_RECORDED}


def test_an_empty_trace_and_a_run_without_rounds_show_nothing(tmp_path: Path) -> None:
    Trace().write(tmp_path / "empty.json")
    played("run.duration_s=1e-6").write(tmp_path / "short.json")
    for name in ("empty.json", "short.json"):
        audit = audit_trace(tmp_path / name)
        assert audit.rounds == 0
        assert audit.verdict is Verdict.NOT_RECORDED


# --- the leak allowance ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leak_bits", "verdict", "words"),
    [
        (None, Verdict.NOT_STATED, "no allowance is stated"),
        (0.0, Verdict.ASSUMED, "nothing leaks"),
        (0.01, Verdict.ASSUMED, "0.01 bits a round, which are deducted"),
    ],
)
def test_the_leak_allowance_is_told_as_it_is_stated(
    trace_file: File, tmp_path: Path, leak_bits: float | None, verdict: Verdict, words: str
) -> None:
    isolation = trace_file["otherData"]["protocol"]["isolation"]
    del isolation["leak_bits_per_round"]
    if leak_bits is not None:
        isolation["leak_bits_per_round"] = leak_bits
    audit = audited(trace_file, tmp_path)
    assert audit.of_the_run["leak_allowance"].verdict is verdict
    assert words in audit.of_the_run["leak_allowance"].why
    assert audit.summary()["leak_bits_per_round"] == leak_bits
    assert audit.verdict is verdict


def test_what_leaks_is_deducted_from_the_key(munich: Path) -> None:
    rates = [
        Scenario.load(munich, ["run.duration_s=1", f"protocol.isolation.leak_bits_per_round={b}"])
        .run(1)
        .expected_key_rate_bits_per_round
        for b in ("0.0", "0.01", "1.0")
    ]
    assert rates[0] is not None
    assert rates[0] > 0.05
    assert rates[1] == pytest.approx(rates[0] - 0.01, rel=1e-12)
    assert rates[2] == 0


# --- the command ----------------------------------------------------------------------------------


def test_the_command_passes_what_holds_or_is_assumed(
    command: Command, tmp_path: Path, munich: Path
) -> None:
    path = tmp_path / "t.json.gz"
    assert command("run", munich, *sets(*QUICK), "--trace", path).code == 0
    done = command("audit", path)
    assert (done.code, done.err) == (0, "")
    assert "munich_2022, 8 rounds: assumed" in done.out
    assert "neither laboratory lets out its" in done.out
    assert "bob: shutter closed" in done.out


def test_the_command_fails_and_says_so_where_an_assumption_is_violated(
    command: Command, trace_file: File, tmp_path: Path
) -> None:
    trace_file["traceEvents"].remove(event(trace_file, "bob", "shutter"))
    path = tmp_path / "t.json"
    path.write_text(json.dumps(trace_file))
    for form in ([], ["--json"], ["--rounds"]):
        done = command("audit", path, *form)
        assert done.code == 1
        assert done.err == f"qnetsim: {path}: an assumption is violated\n"
        assert "violated" in done.out
        assert "the node reopened, with no shutter since its" in done.out


def test_json_names_each_round_where_asked_for(
    command: Command, trace_file: File, tmp_path: Path
) -> None:
    event(trace_file, "bob", "choice")["ts"] -= 1
    path = tmp_path / "t.json"
    path.write_text(json.dumps(trace_file))
    brief = json.loads(command("audit", path, "--json").out)
    found = json.loads(command("audit", path, "--json", "--rounds").out)
    each_round = found.pop("each_round")
    assert brief == found
    assert found["verdict"] == "violated"
    assert found["rounds"] == len(each_round) == 8
    assert found["distance_m"] == 400
    bob = next(
        c for c in found["checks"] if c["name"] == "setting_after_herald" and c["party"] == "bob"
    )
    assert bob["rounds"] == {
        "holds": 7, "assumed": 0, "not stated": 0, "not recorded": 0, "violated": 1
    }  # fmt: skip
    assert [first["round"] for first in bob["first"]] == [3]
    bad = [f for f in each_round[3]["findings"] if f["verdict"] == "violated"]
    assert [(f["name"], f["party"]) for f in bad] == [("setting_after_herald", "bob")]


def test_the_page_names_every_key_of_the_json(trace_file: File, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "audit.md").read_text()
    audit = audited(trace_file, tmp_path).summary()
    keys = {*audit, *audit["checks"][0], *audit["of_the_run"], *audit["each_round"][0]}
    assert not [key for key in keys if f"`{key}`" not in page]
    for verdict in Verdict:
        assert f"**{verdict}**" in page


# --- what is no trace -----------------------------------------------------------------------------

BROKEN: dict[str, tuple[Callable[[File], Any], str]] = {
    "a list": (lambda f: f["traceEvents"], "traceEvents: is missing"),
    "other JSON": (lambda f: {"scenario": "munich"}, "traceEvents: is missing"),
    "events of another shape": (lambda f: f | {"traceEvents": [1]}, "traceEvents.0 = 1: must be"),
    "not a number": (
        lambda f: event(f, "bob", "choice").update(ts=float("nan")) or f,
        ".ts = nan: must lie in [0, 1e+15]",
    ),
    "an infinite duration": (
        lambda f: event(f, "bob", "shutter").update(dur=float("inf")) or f,
        ".dur = inf: must lie in",
    ),
    "a negative time": (
        lambda f: event(f, "bob", "choice").update(ts=-1) or f,
        ".ts = -1: must lie in [0, 1e+15]",
    ),
    "a time that no float holds": (
        lambda f: event(f, "bob", "choice").update(ts=10**400) or f,
        ".ts = 1000000000",
    ),
    "a time whose nanoseconds no float holds": (
        lambda f: event(f, "bob", "choice").update(ts=1e308) or f,
        ".ts = 1e+308: must lie in",
    ),
    "a time in words": (
        lambda f: event(f, "bob", "choice").update(ts="now") or f,
        ".ts = 'now': must be a number",
    ),
    "no time": (lambda f: event(f, "bob", "choice").pop("ts") and f, ".ts = None: must be a"),
    "two heralds of one number": (
        lambda f: event(f, "bob", "herald")["args"].update(number=2) or f,
        ".args.number = 2: another herald on this track",
    ),
    "two outcomes of one number": (
        lambda f: event(f, "bob", "outcome")["args"].update(number=2) or f,
        ".args.number = 2: another outcome on this track",
    ),
    "a herald of no number": (
        lambda f: event(f, "bob", "herald")["args"].clear() or f,
        ".args.number = None: must be a whole number",
    ),
    "a herald of half a number": (
        lambda f: event(f, "bob", "herald")["args"].update(number=0.5) or f,
        ".args.number = 0.5: must be a whole number",
    ),
    "a nameless track": (
        lambda f: event(f, "bob", "herald").update(tid=7) or f,
        ".tid = 7: no thread_name says",
    ),
    "an event without a name": (
        lambda f: event(f, "bob", "herald").pop("name") and f,
        ".name = None: must be a text",
    ),
    "two tracks of one name": (
        lambda f: f["traceEvents"][1]["args"].update(name="alice") or f,
        "another track has this number or name",
    ),
    "a head that is a list": (lambda f: f | {"otherData": []}, "otherData.(top)"),
    "rounds in words": (
        lambda f: f["otherData"].update(rounds="8") or f,
        "otherData.rounds = '8': must be a whole number",
    ),
    "fewer than no rounds": (
        lambda f: f["otherData"].update(rounds=-1) or f,
        "otherData.rounds = -1: must be 0 or more",
    ),
    "a third party": (
        lambda f: f["otherData"]["protocol"]["parties"].append({"node": "eve"}) or f,
        "otherData.protocol.parties",
    ),
    "a leak below zero": (
        lambda f: f["otherData"]["protocol"]["isolation"].update(leak_bits_per_round=-1.0) or f,
        "otherData.protocol.isolation.leak_bits_per_round = -1.0: must lie in [0, inf)",
    ),
    "an assumption that the audit does not know": (
        lambda f: f["otherData"]["protocol"]["isolation"].update(instead_of_walls="trust") or f,
        "otherData.protocol.isolation.instead_of_walls: unknown key",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_trace_that_no_run_wrote_gets_one_message(
    command: Command, trace_file: File, tmp_path: Path, name: str
) -> None:
    breaks, message = BROKEN[name]
    path = tmp_path / "t.json"
    path.write_text(json.dumps(breaks(trace_file)))
    done = command("audit", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"qnetsim: {path}: 1 fault\n  ")
    assert len(done.err.splitlines()) == 2
    assert message in done.err


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(b'{"traceEvents": []}', mtime=0)[:-12], "is damaged or cut short: "),
        (b"\x1f\x8b and no more", "is damaged or cut short: "),
        (b'{"traceEvents": [', "is not JSON: "),
        (b"", "is not JSON: "),
        (b"\xff\xfe\x00\xd8", "is not JSON: "),
        (b"[" * 200_000, "is not JSON: "),
        (b'{"traceEvents": ' + b"9" * 5000 + b"}", "is not JSON: "),
    ],
)
def test_a_damaged_file_gets_one_message(
    command: Command, tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "t.json.gz"
    path.write_bytes(data)
    done = command("audit", path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"qnetsim: {path}: {message}")
    assert len(done.err.splitlines()) == 1


def test_a_file_that_is_not_there_gets_one_message(command: Command, tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "t.json", "No such file"), (tmp_path, "Is a directory")):
        done = command("audit", path)
        assert done.code == 2
        assert done.err.startswith(f"qnetsim: {path}: cannot be read: {reason}")


@given(
    data=st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["traceEvents", "otherData", "ph", "name", "tid", "ts", "args"])
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_audited_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(data))
    try:
        audit = audit_trace(path)
    except InvalidInputError:
        return
    assert not audit.verdict.passes
