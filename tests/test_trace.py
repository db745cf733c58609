"""The trace file: valid for Perfetto, whole or not there, and complete."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qnetsim import DIQKD, MemoryNode, Scenario, Trace
from qnetsim.files import check_writable

QUICK = ["nodes.alice.collection_efficiency=0.3", "nodes.bob.collection_efficiency=0.3"]
QUICK += ["nodes.alice.trap.loading_mean_s=0.01", "nodes.bob.trap.loading_mean_s=0.01"]
RUNS = {
    "herald": [*QUICK, "run.duration_s=2"],
    "attempt": [*QUICK, "run.duration_s=0.5", "run.resolution=attempt"],
}
by_resolution = pytest.mark.parametrize("resolution", RUNS)

Event = dict[str, Any]


def events_of(path: Path) -> list[Event]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    events: list[Event] = json.loads(data)["traceEvents"]
    return events


def traced(munich: Path, path: Path, settings: list[str], seed: int = 1) -> list[Event]:
    trace = Trace()
    Scenario.load(munich, settings).run(seed, trace)
    trace.write(path)
    return events_of(path)


def in_ns(us: float) -> int:
    """Returns a time as Perfetto's importer reads it (``CoerceToTs``: llround(us * 1000))."""
    return round(us * 1000)


def assert_nested_or_disjoint(events: list[Event]) -> None:
    """Follows Perfetto's stack of open slices, which drops a slice that crosses another's end."""
    tracks: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    spans = [event for event in events if event["ph"] == "X"]
    for event in sorted(spans, key=lambda event: in_ns(event["ts"])):  # stable, as its sorter
        start = in_ns(event["ts"])
        end = start + in_ns(event["dur"])
        open_slices = tracks[event["tid"]]
        while open_slices and open_slices[-1][1] <= start:
            open_slices.pop()
        for outer_start, outer_end, name in open_slices:
            assert outer_start <= start
            assert end <= outer_end, f"{event['name']} [{start}, {end}) crosses {name}'s end"
        open_slices.append((start, end, event["name"]))


# --- what is in it -------------------------------------------------------------------------------


@by_resolution
def test_every_event_is_a_complete_event_on_a_named_track(
    tmp_path: Path, munich: Path, resolution: str
) -> None:
    path = tmp_path / "t.json"
    events = traced(munich, path, RUNS[resolution])
    tracks = {}
    for event in events:
        assert type(event["pid"]) is int
        assert type(event["tid"]) is int
        if event["ph"] == "M":
            assert event["name"] == "thread_name"
            assert event["tid"] not in tracks
            tracks[event["tid"]] = event["args"]["name"]
        else:
            assert event["ph"] == "X"
            assert event["tid"] in tracks, "a track is named before it is used"
            assert isinstance(event["name"], str)
            assert isinstance(event["args"], dict)
            assert event["ts"] >= 0
            assert event["dur"] >= 0
    assert sorted(tracks.values()) == ["alice", "bob"], "one track for each node"
    assert {event["pid"] for event in events} == {0}
    assert set(json.loads(path.read_bytes())) == {"traceEvents", "displayTimeUnit", "otherData"}


@by_resolution
def test_it_shows_everything_that_a_node_does(
    tmp_path: Path, munich: Path, resolution: str
) -> None:
    events = traced(munich, tmp_path / "t.json", RUNS[resolution])
    names = {event["tid"]: event["args"]["name"] for event in events if event["ph"] == "M"}
    seen = defaultdict(set)
    for event in events:
        if event["ph"] == "X":
            seen[names[event["tid"]]].add(event["name"])
    activities = {"loading", "cooling", "attempts", "flight", "herald", "readout", "emptying"}
    activities |= {"choice", "outcome"}
    assert activities <= seen["alice"]
    assert activities | {"shutter"} <= seen["bob"]


@by_resolution
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "setting",
    [
        "nodes.bob.shutter_s=5e-3",
        "nodes.alice.preparation_s=0",
        "fibres.bob_bsm.length_m=1",
        "classical.bob_bsm.length_m=1234.5",
    ],
)
def test_spans_on_a_track_nest_or_are_disjoint(
    tmp_path: Path, munich: Path, resolution: str, seed: int, setting: str
) -> None:
    settings = [*RUNS[resolution], "run.duration_s=0.3", "nodes.bob.preparation_s=0", setting]
    events = traced(munich, tmp_path / "t.json", settings, seed)
    assert len(events) > 20
    assert_nested_or_disjoint(events)


def test_spans_nest_to_the_end_of_75_hours(tmp_path: Path, munich: Path) -> None:
    """There, microseconds as floats resolve 30 ps: finer than what Perfetto rounds to."""
    slow = ["nodes.alice.trap.loading_mean_s=900", "run.duration_s=270000"]
    events = traced(munich, tmp_path / "t.json", [*QUICK, *slow])
    assert max(event.get("ts", 0) for event in events) > 2.6e11
    assert_nested_or_disjoint(events)


@by_resolution
def test_spans_lie_inside_the_run_and_match_its_heralds(
    tmp_path: Path, munich: Path, resolution: str
) -> None:
    trace = Trace()
    result = Scenario.load(munich, RUNS[resolution]).run(1, trace)
    end_ps = result.sim_time_s * 1e12
    for span in trace.spans:
        assert 0 <= span.start_ps <= span.start_ps + span.duration_ps
        if span.name not in ("herald", "flight"):  # these may be under way at the end
            assert span.start_ps + span.duration_ps <= end_ps
    for node in ("alice", "bob"):
        spans = [s for s in trace.spans if s.track == node]
        heralds = [s for s in spans if s.name == "herald"]
        assert [s.start_ps for s in heralds] == result.heralds.time_ps.tolist()
        assert [s.details["number"] for s in heralds] == list(range(len(heralds)))
        assert len([s for s in spans if s.name == "readout"]) >= len(result.rounds.x) > 1
        for name in ("choice", "outcome"):
            instants = [s for s in spans if s.name == name]
            assert [s.details["number"] for s in instants] == list(range(len(instants)))
            assert len(instants) >= len(result.rounds.x)
            assert all(s.duration_ps == 0 for s in instants)
        loading_s = sum(s.duration_ps for s in spans if s.name == "loading") / 1e12
        assert loading_s == pytest.approx(result.activity_s[node]["loading"], abs=0.1)


@given(
    edges=st.lists(st.integers(0, 10**7), min_size=2, max_size=40),
    offset=st.sampled_from([0, 10**12, 27 * 10**16, 4 * 10**18]),
)
def test_rounding_keeps_touching_and_nested_spans_so(edges: list[int], offset: int) -> None:
    trace = Trace()
    cuts = sorted(offset + edge for edge in edges)
    for start, end in pairwise(cuts):
        middle = (start + end) // 2
        trace.add("n", "inner, shared end", middle, end)
        trace.add("n", "inner, shared start", start, middle)
        trace.add("n", "middle", start, end)
    trace.add("n", "outer", cuts[0], cuts[-1])
    assert_nested_or_disjoint(trace._events())


# --- the file ------------------------------------------------------------------------------------


def test_a_name_in_gz_is_compressed_and_the_same_each_time(tmp_path: Path, munich: Path) -> None:
    plain = traced(munich, tmp_path / "t.json", RUNS["herald"])
    assert traced(munich, tmp_path / "t.json.gz", RUNS["herald"]) == plain
    traced(munich, tmp_path / "again.json.gz", RUNS["herald"])
    packed = (tmp_path / "t.json.gz").read_bytes()
    assert packed == (tmp_path / "again.json.gz").read_bytes()
    assert len(packed) < (tmp_path / "t.json").stat().st_size / 2


def test_a_trace_says_what_was_run(tmp_path: Path, munich: Path) -> None:
    trace = Trace()
    scenario = Scenario.load(munich, RUNS["herald"])
    result = scenario.run(7, trace)
    trace.write(tmp_path / "t.json")
    about = json.loads((tmp_path / "t.json").read_text())["otherData"]
    assert (about["scenario"], about["seed"], about["resolution"]) == ("munich_2022", 7, "herald")
    assert about["rounds"] == len(result.rounds.x)
    assert about["sim_time_s"] == result.sim_time_s
    assert DIQKD.model_validate(about["protocol"]) == scenario.model.protocol
    nodes = {name: MemoryNode.model_validate(node) for name, node in about["nodes"].items()}
    assert nodes == scenario.model.nodes


def test_an_empty_trace_is_a_valid_file(tmp_path: Path) -> None:
    Trace().write(tmp_path / "t.json")
    assert events_of(tmp_path / "t.json") == []


def test_writing_replaces_an_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("old")
    trace = Trace()
    trace.add("alice", "loading", 0, 1_500_000, atoms=1)
    trace.write(str(path))
    assert events_of(path)[1:] == [
        {
            "ph": "X",
            "pid": 0,
            "tid": 0,
            "name": "loading",
            "ts": 0,
            "dur": 1.5,
            "args": {"atoms": 1},
        }
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "link.json"
    link.symlink_to(target)
    Trace().write(link)
    assert link.is_symlink()
    assert events_of(target) == []


def test_an_old_file_stays_whole_if_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.json"
    path.write_text("old")

    def half(self: Path, data: bytes) -> int:
        with self.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        Trace().write(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fills_up_leaves_the_old_file_and_exits_with_one(
    tmp_path: Path, munich: Path
) -> None:
    path = tmp_path / "t.json"
    path.write_text("old")

    settings = [part for each in RUNS["herald"] for part in ("--set", each)]
    command = [sys.executable, "-B", "-m", "qnetsim", "run", str(munich), "--json", *settings]
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1; exec "$@"', "bash", *command, "--trace", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["rounds"] > 1, "the results are printed all the same"
    assert done.stderr == "qnetsim: [Errno 27] File too large\n"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@by_resolution
def test_the_command_writes_it_and_prints_what_it_prints_without(
    tmp_path: Path, munich: Path, resolution: str
) -> None:
    settings = [part for each in RUNS[resolution] for part in ("--set", each)]
    command = [sys.executable, "-m", "qnetsim", "run", str(munich), "--json", *settings]
    path = tmp_path / "t.json.gz"
    outputs = []
    for more in ([], ["--trace", str(path)]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        outputs.append([line for line in done.stdout.splitlines() if "wall_time_s" not in line])
    assert outputs[0] == outputs[1]
    assert events_of(path) == traced(munich, tmp_path / "t.json", RUNS[resolution])


def test_checking_that_a_file_can_be_written_leaves_none_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "t.json")
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old.json"
    old.write_text("old")
    check_writable(old)
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
    for wrong in (tmp_path, tmp_path / "missing" / "t.json", old / "t.json", Path(os.devnull)):
        with pytest.raises(OSError, match=r"director|regular"):
            check_writable(wrong)
