"""The store: lines that only grow, torn ends, versions, locks, full disks."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import cheap
import pytest

import qnetsim
from qnetsim.errors import CollectionError, InvalidInputError
from qnetsim.study import appending
from qnetsim.study.appending import Store
from qnetsim.study.store import header, line_of, read_store, study_line
from qnetsim.study.study import Study

IDS = ["0" * 64, "ab" * 32]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return cheap.study(tmp_path, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.jsonl"


def row(strong_id: str = IDS[0], block: int = 0, heralds: int = 5) -> bytes:
    counts = {"heralds": heralds, "sim_time_s": 0.1 + heralds}
    return line_of({"id": strong_id, "block": block, "seed": 7, "counts": counts})


def stored(path: Path, study: Study, *lines: bytes) -> bytes:
    with Store(path, study) as opened:
        for line in lines:
            opened.append(line)
    return path.read_bytes()


def refusal(path: Path, study: Study) -> str:
    """Returns why a store is refused, which changes nothing of it."""
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(InvalidInputError) as refused:
        Store(path, study)
    assert before is None or path.read_bytes() == before
    return str(refused.value)


def test_a_new_store_begins_with_its_format_and_its_study(path: Path, study: Study) -> None:
    lines = stored(path, study, row()).splitlines(keepends=True)
    assert json.loads(lines[0]) == {"qnetsim_store": 1, "version": qnetsim.__version__}
    assert json.loads(lines[1]) == {"study": study.definition()}
    assert lines[2] == row()
    assert len(lines) == 3


def test_rows_are_found_again_by_task_in_the_order_of_blocks(path: Path, study: Study) -> None:
    stored(path, study, row(block=2), row(IDS[1]), row(block=0))
    with Store(path, study) as opened:
        assert [found["block"] for found in opened.done(IDS[0])] == [0, 2]
        assert [found["block"] for found in opened.done(IDS[1])] == [0]
        assert opened.done("1" * 64) == []
        opened.append(row(block=1))
        assert [found["block"] for found in opened.done(IDS[0])] == [0, 1, 2]
    contents = read_store(path)
    assert contents.count == 4
    assert [(r["id"], r["block"]) for r in contents.rows] == [
        (IDS[0], 0), (IDS[0], 1), (IDS[0], 2), (IDS[1], 0),
    ]  # fmt: skip


def test_an_opened_store_has_its_study_once_and_another_beside_it(
    path: Path, study: Study, tmp_path: Path
) -> None:
    before = stored(path, study, row())
    assert stored(path, study) == before
    other = cheap.study(tmp_path, 4, name="other")
    assert stored(path, other) == before + study_line(other.definition())
    assert [said["name"] for said in read_store(path).studies] == ["cheap", "other"]


@pytest.mark.parametrize("torn", [1, 20, len(row()) - 1])
def test_a_torn_last_line_is_dropped_with_a_notice_and_cut_off_before_the_next(
    path: Path, study: Study, torn: int
) -> None:
    whole = stored(path, study, row(block=0))
    path.write_bytes(whole + row(block=1)[:torn])
    contents = read_store(path)
    assert contents.count == 1
    assert contents.notice == f"{path}: the last line is torn, and left out ({torn} bytes)"
    with Store(path, study) as opened:
        assert opened.notice == contents.notice
        assert path.read_bytes() == whole
        opened.append(row(block=2))
        assert [found["block"] for found in opened.done(IDS[0])] == [0, 2]
    assert path.read_bytes() == whole + row(block=2)
    assert read_store(path).notice is None


def test_a_store_torn_anywhere_is_gone_on_with(path: Path, study: Study) -> None:
    whole = stored(path, study, row())
    ends = [*range(len(header()) + 5), *range(len(header()) + 5, len(whole), 37), len(whole) - 1]
    for end in ends:
        path.write_bytes(whole[:end])
        assert stored(path, study, row()).count(row()) == 1
        assert path.read_bytes() == whole


def test_the_last_two_rows_torn_at_any_byte_are_there_or_not(path: Path, study: Study) -> None:
    two = [row(IDS[1], block) for block in range(2)]
    whole = stored(path, study, row(), *two)
    for end in range(len(whole) - len(two[0] + two[1]), len(whole) + 1):
        path.write_bytes(whole[:end])
        contents = read_store(path)
        there = [found.line for found in contents.found(IDS[1])]
        assert there == two[: whole[:end].count(b"\n") - 3]
        assert (contents.notice is None) == whole[:end].endswith(b"\n")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"name,value\n1,2\n", "r.jsonl: is no store of qnetsim's"),
        (b"some notes without an end", "r.jsonl: is no store of qnetsim's"),
        (b"[1]\n", "r.jsonl: is no store of qnetsim's"),
        (b"\x00\xff\n", "r.jsonl: is no store of qnetsim's"),
        (b'{"qnetsim_store":2,"version":"9"}\n', "is format 2 of stores; this qnetsim reads 1"),
        (b'{"qnetsim_store":1,"version":"0.0.9"}\n', "was written by qnetsim 0.0.9, and this is"),
        (header() + b"{}\n", "r.jsonl, line 2: is no line of a store"),
        (header() + row().replace(b":", b": ") + row(), "r.jsonl, line 2: is no line of a store"),
        (header() + b"\0" * 30 + b"\n" + row(), "r.jsonl, line 2: is no line of a store"),
        (header() + b'{"study":3}\n', "r.jsonl, line 2: is no line of a study"),
        (header() + b'{"study":{}}\r\n', "r.jsonl, line 2: is no line of a study"),
        (header()[:-1] + b"\r\n", "r.jsonl: is not as qnetsim wrote it: it was edited, or is"),
        (b"\xef\xbb\xbf" + header(), "r.jsonl: is not as qnetsim wrote it: it was edited, or is"),
        (header() + row().replace(b"5", b"\0", 1), "r.jsonl, line 2: is no line of a store"),
        (header() + row().replace(b"5", b"\xff", 1), "r.jsonl, line 2: is no line of a store"),
        (b"\0" * 5000, "r.jsonl: is no store of qnetsim's"),
    ],
)
def test_what_is_no_store_is_refused_and_not_changed(
    path: Path, study: Study, text: bytes, reason: str
) -> None:
    path.write_bytes(text)
    assert reason in refusal(path, study)
    with pytest.raises(InvalidInputError, match="jsonl"):
        read_store(path)


def test_stores_written_one_after_the_other_into_a_file_are_one_store(
    path: Path, study: Study
) -> None:
    whole = stored(path, study, row(), row(IDS[1]))
    path.write_bytes(whole + whole)
    contents = read_store(path)
    assert len(list(contents.rows)) == 2
    assert len(contents.studies) == 1


def test_two_rows_of_one_key_that_differ_are_refused_by_name(path: Path, study: Study) -> None:
    whole = stored(path, study, row(heralds=5))
    path.write_bytes(whole + row(heralds=6))
    with pytest.raises(InvalidInputError, match=f"id {IDS[0]}, block 0: was stored twice and diff"):
        list(read_store(path).rows)


def test_a_row_that_is_no_json_is_refused_by_name(path: Path, study: Study) -> None:
    path.write_bytes(header() + row(block=3).replace(b":", b";", 4).replace(b";", b":", 2))
    assert read_store(path).count == 1, "what a row is takes one look at its line"
    with pytest.raises(InvalidInputError, match="a row of block 3: is no JSON: it was edited, or"):
        list(read_store(path).rows)


def test_an_error_of_any_characters_is_read_as_it_was(path: Path, study: Study) -> None:
    said = {"id": IDS[0], "block": 0, "seed": 7, "error": "half \ud800 of a pair, \x00, \u2028, é"}
    stored(path, study, line_of(said))
    assert list(read_store(path).rows) == [said]


def test_floats_are_read_as_they_were(path: Path, study: Study) -> None:
    drawn = random.Random(1)
    values = [drawn.uniform(-1, 1) * 10.0 ** drawn.randrange(-320, 308) for _ in range(20_000)]
    said = {"id": IDS[0], "block": 0, "seed": 2**64 - 1, "counts": {"x": [*values, 5e-324, -0.0]}}
    stored(path, study, line_of(said))
    assert list(map(line_of, read_store(path).rows)) == [line_of(said)]


@pytest.mark.parametrize("line", [b"{}\n", row()[:-1], row() * 2, row().replace(b"5", b"\n")])
def test_what_is_no_row_is_not_stored(path: Path, study: Study, line: bytes) -> None:
    whole = stored(path, study, row())
    with Store(path, study) as opened, pytest.raises(CollectionError, match="is no row of a store"):
        opened.append(line)
    assert path.read_bytes() == whole


def test_a_torn_end_that_cannot_be_cut_off_is_not_added_to(
    path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ftruncate(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    path.write_bytes(stored(path, study, row()) + row(block=1)[:30])
    monkeypatch.setattr(appending.os, "ftruncate", ftruncate)  # as after chattr +a
    assert "cannot lose its torn last line: Operation not permitted" in refusal(path, study)


def test_a_store_that_is_deleted_under_its_collector_is_missed(path: Path, study: Study) -> None:
    moved = path.with_name("moved.jsonl")
    message = r"r\.jsonl: was deleted or replaced while rows"
    with pytest.raises(CollectionError, match=message), Store(path, study) as opened:  # noqa: PT012
        opened.append(row())
        path.rename(moved)
        opened.flush()
        assert read_store(moved).count == 1, "a name that changes costs nothing"
        moved.unlink()


def test_what_is_forked_does_not_keep_a_store_locked(path: Path, study: Study) -> None:
    here, there = os.pipe()
    with Store(path, study) as opened:
        opened.append(row())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # this process may have threads
            child = os.fork()
        if not child:
            os.write(there, b"forked")
            time.sleep(60)
            os._exit(0)
        assert os.read(here, 6) == b"forked"
        assert "another collector is at work on it" in refusal(path, study)
    try:
        Store(path, study).__exit__()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(here)
        os.close(there)


def test_a_second_collector_is_kept_out_and_says_so(path: Path, study: Study) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import cheap, pathlib;"
        "from qnetsim.study.appending import Store;"
        "Store(sys.argv[2], cheap.study(pathlib.Path(sys.argv[2]).parent, 3))"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(path)]
    links = path.with_name("symbolic.jsonl"), path.with_name("hard.jsonl")
    links[0].symlink_to(path)
    with Store(path, study) as opened:
        opened.append(row())
        links[1].hardlink_to(path)
        for name in (path, *links):
            assert "another collector is at work on it" in refusal(name, study)
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "another collector is at work on it" in second.stderr
        opened.append(row(block=1))
    assert read_store(path).count == 2
    assert stored(path, study) == path.read_bytes()


def test_a_file_system_without_locks_says_so(
    path: Path, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    assert "cannot be locked: No locks available; collect on another" in refusal(path, study)


def test_folders_and_devices_are_refused(path: Path, study: Study, tmp_path: Path) -> None:
    assert "cannot be written: it is no regular file" in refusal(tmp_path, study)
    assert "cannot be written: it is no regular file" in refusal(Path(os.devnull), study)
    os.mkfifo(path)
    assert "cannot be written: it is no regular file" in refusal(path, study)
    assert "No such file or directory" in refusal(tmp_path / "missing" / "r.jsonl", study)
    with pytest.raises(InvalidInputError, match="cannot be read: it is no regular file"):
        read_store(tmp_path)
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        read_store(tmp_path / "missing")


@pytest.mark.parametrize("error", [errno.EACCES, errno.EROFS])
def test_a_read_only_place_is_refused(
    path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def read_only(*_: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(appending.os, "open", read_only)
    assert refusal(path, study) == f"{path}: cannot be written: {os.strerror(error)}"


@pytest.mark.parametrize("written", [0, 1, 40])
def test_a_full_disk_keeps_what_was_stored_and_nothing_of_what_was_not(
    path: Path, study: Study, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    whole = stored(path, study, row())
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if written and len(data) == len(row(block=1)):
            return write(fd, data[:written])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Store(path, study) as opened:
        monkeypatch.setattr(appending.os, "write", full)
        with pytest.raises(CollectionError, match="No space left on device"):
            opened.append(row(block=1))
        monkeypatch.undo()
    assert path.read_bytes() == whole
    assert stored(path, study, row(block=1)) == whole + row(block=1)


def test_what_is_not_finite_is_no_row() -> None:
    with pytest.raises(ValueError, match="JSON"):
        line_of({"x": float("nan")})
