"""Thousands of damaged scenarios: each is refused in qnetsim's words, or runs.

Three kinds of damage: to the parsed tables (keys deleted, renamed, moved; values of another type
or size), to the text (lines and bytes deleted, doubled, swapped; files cut short), and numbers
that lie in their ranges but nowhere near those of an experiment. Anything but a result or an
``InvalidInputError`` fails, and so does a warning, a NaN in the JSON output, or ten seconds.
"""

from __future__ import annotations

import copy
import io
import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from qnetsim import InvalidInputError, Scenario
from qnetsim.cli import main

MUNICH = Path(__file__).parents[2] / "scenarios" / "munich_2022.toml"
TEXT = MUNICH.read_text(encoding="utf-8")
# Heralds within milliseconds, so that short runs see every part at work.
for _slow, _quick in [
    ("collection_efficiency = 8.202e-3", "collection_efficiency = 0.3"),
    ("loading_mean_s = 3.206", "loading_mean_s = 1e-3"),
    ("emptying_s = 0.05", "emptying_s = 1e-3"),
]:
    assert TEXT.count(_slow) == 2
    TEXT = TEXT.replace(_slow, _quick)
DATA = tomllib.loads(TEXT)

LONGEST_S = 0.5  # simulated, of one run
TIME_LIMIT_S = 10.0

tried = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# --- what is done with a damaged file ------------------------------------------------------------


class Hang(BaseException):
    """No library catches it by accident."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Ends what computes for longer; other programs' share of the machine does not count."""

    def ring(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check_refusal(error: InvalidInputError) -> None:
    assert error.faults
    for fault in error.faults:
        assert fault.path
        assert fault.bound
        assert str(fault).isprintable(), "a fault stands on one line"
    assert len(set(error.faults)) == len(error.faults), "no fault is listed twice"


def play(scenario: Scenario, longest_s: float) -> None:
    """Runs a scenario, at most for a time or for the few hundred events between two reports."""
    duration_s = min(scenario.model.run.duration_s or longest_s, longest_s)
    result = scenario.simulation(1).run(duration_s, lambda *_: False)
    json.dumps(result.summary(), allow_nan=False)
    Console(file=io.StringIO(), width=140).print(result)


def refused_or_run(load: Callable[[], Scenario]) -> None:
    with time_limit(TIME_LIMIT_S):
        try:
            play(load(), LONGEST_S)
        except InvalidInputError as error:
            check_refusal(error)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "scenario.toml"


# --- damage to the tables ------------------------------------------------------------------------

NUMBERS = [
    0, -0.0, 1, 2, -1, 63, 64, 10**9, 10**9 + 1, 10**18, 2**63, 10**40, -(10**40), 10**400,
    5e-324, 1e-300, 1e-15, 1e-12, 9e-13, 1e-6, 1e-3, 0.5, 1 + 1e-9, 3.0, 361.0, 1e5, 9e6, 9.1e6,
    3.2e9, 1e18, 1e300, -1e300, float("inf"), float("-inf"), float("nan"),
]  # fmt: skip
OTHERS = [
    True, False, "", "x", "0.5", "nan", "alice", "bsm", "psi-", "attempt", "ñandú", "🦆" * 99,
    "a\nb", "\x1b[31m", "\u202e", " ", "'\"", "%s {0}", [], {}, [[]], [0], [1.0] * 2000, ["alice"],
    {"": 0}, {"value": 1}, {"a": {"b": {"c": []}}}, date(2022, 7, 27),
]  # fmt: skip
NUMBER = st.sampled_from(NUMBERS) | st.floats() | st.integers()

Place = tuple[Any, Any]
"""A table or list, and a key or index in it."""


def places(table: Any) -> Iterator[Place]:
    """Yields every place of a value."""
    for key in list(table) if isinstance(table, dict) else range(len(table)):
        yield table, key
        if isinstance(table[key], dict | list):
            yield from places(table[key])


KEYS = sorted({str(key) for _, key in places(DATA)})


def put(place: Place, key: str, value: Any) -> None:
    table, index = place
    if isinstance(table, dict):
        table[key] = value
    else:
        table.insert(index, value)


def set_number(draw: st.DrawFn, here: Place, _: Place) -> None:
    here[0][here[1]] = draw(NUMBER)


def set_other(draw: st.DrawFn, here: Place, _: Place) -> None:
    here[0][here[1]] = copy.deepcopy(draw(st.sampled_from(OTHERS)))


def delete(draw: st.DrawFn, here: Place, _: Place) -> None:
    del here[0][here[1]]


def rename(draw: st.DrawFn, here: Place, _: Place) -> None:
    value, key = here[0].pop(here[1]), str(here[1])
    cut = draw(st.integers(0, len(key)))
    put(here, key[:cut] + draw(st.text(max_size=2)) + key[cut + 1 :], value)


def swap(draw: st.DrawFn, here: Place, there: Place) -> None:
    mine, other = copy.deepcopy((here[0][here[1]], there[0][there[1]]))
    here[0][here[1]], there[0][there[1]] = other, mine


def double(draw: st.DrawFn, here: Place, _: Place) -> None:
    put(here, draw(st.text(min_size=1, max_size=3)), copy.deepcopy(here[0][here[1]]))


def wrap(draw: st.DrawFn, here: Place, _: Place) -> None:
    value = here[0][here[1]]
    here[0][here[1]] = draw(st.sampled_from([[value], {"value": value}]))


def add(draw: st.DrawFn, here: Place, _: Place) -> None:
    put(here, draw(st.sampled_from(KEYS)), draw(NUMBER))


@st.composite
def damaged_tables(draw: st.DrawFn, whole: dict[str, Any] = DATA) -> dict[str, Any]:
    data = copy.deepcopy(whole)
    kinds = [set_number, set_number, set_other, delete, rename, swap, double, wrap, add]
    for damage in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4)):
        all_places = list(places(data))
        here, there = (
            all_places[draw(st.integers(0, len(all_places) - 1))] for _ in range(2)
        )  # fmt: skip
        damage(draw, here, there)
        if not data:
            break
    return data


def to_toml(value: Any) -> str:
    """Returns a value as TOML, tables inline."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{to_toml(k)} = {to_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    return value.isoformat() if isinstance(value, date) else repr(value)


def to_file(data: dict[str, Any]) -> bytes:
    lines = (f"{to_toml(key)} = {to_toml(value)}\n" for key, value in data.items())
    return "".join(lines).encode(errors="surrogatepass")


def test_the_writer_of_these_tests_writes_what_was_read() -> None:
    assert tomllib.loads(to_file(DATA).decode()) == DATA


@pytest.mark.slow
@settings(tried, max_examples=1500)
@given(data=damaged_tables())
def test_damaged_tables_are_refused_or_run(file: Path, data: dict[str, Any]) -> None:
    file.write_bytes(to_file(data))
    refused_or_run(lambda: Scenario.load(file))


def test_a_scenario_without_any_one_of_its_values_is_refused_or_runs() -> None:
    for number in range(sum(1 for _ in places(DATA))):
        data = copy.deepcopy(DATA)
        table, key = list(places(data))[number]
        del table[key]
        refused_or_run(lambda data=data: Scenario(data))


# --- damage to the text --------------------------------------------------------------------------


def cut_short(draw: st.DrawFn, text: bytes) -> bytes:
    return text[: draw(st.integers(0, len(text)))]


def insert_bytes(draw: st.DrawFn, text: bytes) -> bytes:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.binary(min_size=1, max_size=4)) + text[at:]


def drop_bytes(draw: st.DrawFn, text: bytes) -> bytes:
    at = draw(st.integers(0, len(text)))
    return text[:at] + text[at + draw(st.integers(1, 40)) :]


def drop_mark(draw: st.DrawFn, text: bytes) -> bytes:
    at = draw(st.integers(0, len(text)))
    mark = draw(st.sampled_from([b'"', b"[", b"]", b"=", b"\n", b".", b"#", b" "]))
    return text[:at] + text[at:].replace(mark, b"", 1)


def drop_section(draw: st.DrawFn, text: bytes) -> bytes:
    sections = text.split(b"\n[")
    del sections[draw(st.integers(0, len(sections) - 1))]
    return b"\n[".join(sections)


def shuffle_lines(draw: st.DrawFn, text: bytes) -> bytes:
    """Deletes, doubles, swaps or moves a line."""
    lines = text.splitlines(keepends=True) or [b""]
    here, there = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    one, other = lines[here], lines[there]
    choices = [(b"", other), (one + one, other), (other, one), (b"", other + one)]
    lines[here], lines[there] = draw(st.sampled_from(choices))
    return b"".join(lines)


@st.composite
def damaged_texts(draw: st.DrawFn) -> bytes:
    text = TEXT.encode()
    kinds = [cut_short, insert_bytes, drop_bytes, drop_mark, drop_section]
    kinds += [shuffle_lines] * 3
    for damage in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=3)):
        text = damage(draw, text)
    return text


@pytest.mark.slow
@settings(tried, max_examples=1000)
@given(text=damaged_texts())
@example(b"")
@example(b"\x00")
@example(b"\xff\xfe" + TEXT.encode("utf-16-le"))
@example(b"\xef\xbb\xbf" + TEXT.encode())
@example(b"[" * 100_000)
@example(b"a = " + b"[" * 100_000)
@example(b".".join([b"a"] * 5000) + b" = 1")
@example(b"name." + b".".join([b"a"] * 5000) + b" = 1")
@example(b"[nodes." + b".".join([b"a"] * 5000) + b"]")
@example(TEXT.replace("270000.0", "9" * 5000).encode())
@example(TEXT.replace("270000.0", "0x" + "f" * 5000).encode())
@example(TEXT.replace("270000.0", "1e999999").encode())
@example(TEXT.replace("\n", "\r").encode())
@example(TEXT.replace("\n", "\r\n").encode())
def test_damaged_texts_are_refused_or_run(file: Path, text: bytes) -> None:
    file.write_bytes(text)
    refused_or_run(lambda: Scenario.load(file))


# --- numbers in their ranges ---------------------------------------------------------------------

PARTS = ("run", "nodes", "fibres", "classical", "stations", "protocol")
ABSENT = ["readout.delay_s", "shutter_s", "trap.emptying_s", "t2_s"]
ABSENT = [f"nodes.{node}.{key}" for node in DATA["nodes"] for key in ABSENT] + [
    "fibres.alice_bsm.drift_db_per_hour",
    "fibres.alice_bsm.realign_every_s",
    "fibres.bob_bsm.drift_db_per_hour",
    "fibres.bob_bsm.insertion_loss_db",
    "classical.bob_bsm.electronics_s",
    "stations.bsm.processing_s",
    "run.max_rounds",
]


def numbers(table: Any, path: str = "") -> Iterator[str]:
    """Yields the path of every number under a table or list."""
    for key, value in table.items() if isinstance(table, dict) else enumerate(table):
        if isinstance(value, dict | list):
            yield from numbers(value, f"{path}{key}.")
        elif not isinstance(value, bool | str):
            yield f"{path}{key}"


SETTABLE = sorted({*numbers({part: DATA[part] for part in PARTS}), *ABSENT})
ENDS = [0, 1, 2, 0.5, 1.0, -0.5, -1.0, 3.2e9, 10**9, 5e-324, 1e-12]
MAGNITUDES = st.floats(-12, 9.5).map(lambda exponent: 10**exponent)
VALUES = st.sampled_from(ENDS) | st.floats(0, 1) | MAGNITUDES


@pytest.mark.slow
@settings(tried, max_examples=500)
@given(
    changes=st.dictionaries(st.sampled_from(SETTABLE), VALUES, min_size=1, max_size=8),
    dropped=st.sets(st.sampled_from(["trap", "cooling", "t2_s"])),
    accepted=st.sampled_from([["psi+"], ["psi-", "psi+"]]),
    resolution=st.sampled_from(["herald", "attempt"]),
)
def test_numbers_in_their_ranges_run(
    file: Path,
    changes: dict[str, float],
    dropped: set[str],
    accepted: list[str],
    resolution: str,
) -> None:
    data = copy.deepcopy(DATA)
    for node in data["nodes"].values():
        for key in dropped:
            del node[key]
    data["stations"]["bsm"]["accept"] = accepted
    data["run"]["resolution"] = resolution
    file.write_bytes(to_file(data))

    def load() -> Scenario:
        return Scenario.load(file, [f"{path}={value!r}" for path, value in changes.items()])

    try:
        load()
    except InvalidInputError as error:  # what is out of its range stays as it was
        for fault in error.faults:
            changes.pop(fault.path, None)
    refused_or_run(load)


# --- through the command -------------------------------------------------------------------------

BRIEF = ["--json", "--set", "run.duration_s=2e-3"]


def check_output(code: int, out: str, err: str) -> None:
    if code == 0:
        assert err == ""
        json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    else:
        assert code == 2
        assert out == ""
        assert err.startswith("qnetsim: ")
        assert "Traceback" not in err


@settings(tried, max_examples=200, suppress_health_check=list(HealthCheck))
@given(content=damaged_texts() | damaged_tables().map(to_file))
def test_the_command_refuses_damaged_files_or_runs_them(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    content: bytes,
) -> None:
    file.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["qnetsim", "run", str(file), *BRIEF])
    code: Any = 0
    with time_limit(TIME_LIMIT_S):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    check_output(code, *capfd.readouterr())
    assert list(file.parent.iterdir()) == [file]


@settings(tried, max_examples=10)
@given(content=damaged_texts() | damaged_tables().map(to_file))
def test_so_does_the_command_in_a_process_of_its_own(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    command = [sys.executable, "-m", "qnetsim", "run", str(file), *BRIEF]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    check_output(done.returncode, done.stdout, done.stderr)


# --- numbers that broke a run once ---------------------------------------------------------------

NO_TRAPS = {
    f"nodes.{node}.{part}": None for node in ("alice", "bob") for part in ("trap", "cooling")
}
NO_LIGHT = {f"nodes.{node}.excitation_probability": 0.0 for node in ("alice", "bob")}
NO_LIGHT["stations.bsm.detector.dark_count_rate_hz"] = 0.0
NO_DELAY = {
    "nodes.alice.preparation_s": 0.0,
    "nodes.bob.preparation_s": 0.0,
    "fibres.bob_bsm.length_m": 0.0,
    "classical.bob_bsm.length_m": 0.0,
    "stations.bsm.window_start_s": -1.0,
}
DRIFT = {"fibres.bob_bsm.drift_db_per_hour": 1.0}


def broken(name: str, changes: dict[str, Any]) -> Any:
    return pytest.param(changes, id=name)


@pytest.mark.parametrize("resolution", ["herald", "attempt"])
@pytest.mark.parametrize(
    "changes",
    [
        broken("no herald ever", NO_LIGHT),
        broken("no herald and no loss ever", {**NO_LIGHT, **NO_TRAPS}),
        broken("no herald and no loss, cooled", {**NO_LIGHT, "nodes.alice.trap": None,
                                                 "nodes.bob.trap": None}),
        broken("heralds all but never", {"nodes.alice.collection_efficiency": 1e-300}),
        broken("dark counts all but never", {"stations.bsm.detector.dark_count_rate_hz": 5e-324,
                                             "fibres.bob_bsm.drift_db_per_hour": 1e300}),
        broken("a fibre that is dark within a second",
               {"fibres.alice_bsm.drift_db_per_hour": 1e9,
                "stations.bsm.detector.dark_count_rate_hz": 0.0}),
        broken("preparation beyond the lifetime", {"nodes.alice.preparation_s": 1e6}),
        broken("a key setting that is never drawn", {"protocol.parties.0.input_bias": 0.5}),
    ],
)  # fmt: skip
def test_numbers_that_broke_a_run_once(changes: dict[str, Any], resolution: str) -> None:
    with time_limit(TIME_LIMIT_S):
        play(changed({**changes, "run.resolution": resolution}), LONGEST_S)


@pytest.mark.parametrize("more", [{}, NO_TRAPS], ids=["cooled", "uncooled"])
def test_an_attempt_that_takes_no_time_is_shorter_than_its_photons(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="photons click in the next attempt") as error:
        play(changed({**NO_DELAY, **more}), LONGEST_S)
    check_refusal(error.value)


@pytest.mark.parametrize(
    "changes",
    [
        broken("realigned every ms", {**DRIFT, "fibres.bob_bsm.realign_every_s": 1e-3}),
        broken("detectors blind for an hour",
               {**NO_TRAPS, "nodes.alice.collection_efficiency": 8.2e-3,
                "nodes.bob.collection_efficiency": 8.2e-3,
                "stations.bsm.detector.dead_time_s": 1000.0}),
    ],
)  # fmt: skip
def test_a_run_that_may_end_does_so_within_seconds(changes: dict[str, Any]) -> None:
    """Or the first Ctrl-C is never answered."""
    with time_limit(3.0):
        play(changed({**changes, "run.duration_s": 270000.0}), 270000.0)


def changed(changes: dict[str, Any]) -> Scenario:
    """Returns the quick scenario with values changed, or deleted where they are None."""
    data = copy.deepcopy(DATA)
    for path, value in changes.items():
        *parents, key = path.split(".")
        table: Any = data
        for part in parents:
            table = table[int(part)] if isinstance(table, list) else table[part]
        if value is None:
            del table[key]
        else:
            table[key] = value
    return Scenario(data)
