"""Collecting: what is lacking is played, once, whatever becomes of workers."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cheap
import pytest

import qnetsim
from qnetsim.errors import CollectionError, InvalidInputError
from qnetsim.study import appending
from qnetsim.study.collect import Summary, collect, play
from qnetsim.study.combine import combine
from qnetsim.study.executors import Processes
from qnetsim.study.progress import Progress
from qnetsim.study.store import line_of, read_store
from qnetsim.study.study import Study
from qnetsim.study.task import Task


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "r.jsonl"


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    with Processes(2) as executor:
        yield executor


class AtOnce(Executor):
    """Plays a call when it is submitted, but those that it is told to lose.

    Attributes:
        lose: how often a worker is lost before each call, by its block.
        most: calls that were submitted and not yet looked at.
    """

    def __init__(self, lose: int = 0, gone_after: int = 10**9) -> None:
        self.lose, self.gone_after = lose, gone_after
        self.calls: list[tuple[str, int]] = []

    def submit(self, fn: Any, /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if len(self.calls) >= self.gone_after:
            raise BrokenExecutor("the cluster is gone")
        key = (args[2].strong_id, args[3])
        self.calls.append(key)
        if self.calls.count(key) <= self.lose:
            future.set_exception(BrokenExecutor("a worker was lost"))
            return future
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future


def lines(path: Path) -> list[bytes]:
    return list(combine([path]).lines)


def collected(study: Study, path: Path, run: Any = cheap.quick, **kwargs: Any) -> Summary:
    return collect(study, path, AtOnce(**kwargs), run=run)


def test_every_block_of_every_point_is_played_once(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 5, 3)
    summary = collected(study, path)
    assert (summary.blocks_played, summary.failed_points, summary.lost) == (15, 0, [])
    assert summary.progress[:3] == (5, 5, 15)
    expected = [cheap.quick(task, k) for task in study.tasks() for k in range(3)]
    assert lines(path)[2:] == [line_of(row) for row in expected]
    assert summary.progress.heralds == sum(row["counts"]["heralds"] for row in expected)
    assert summary.progress.rounds == summary.progress.heralds


def test_what_is_stored_is_not_played_again(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 5, 3)
    collected(study, path)
    whole = path.read_bytes()
    rows = whole.splitlines(keepends=True)
    path.write_bytes(b"".join(rows[:6] + rows[8:9]) + rows[9][:50])
    summary = collected(study, path)
    assert summary.blocks_played == 15 - 5
    assert summary.notice is not None
    assert b"".join(lines(path)) == whole
    assert collected(study, path).blocks_played == 0
    more = cheap.study(tmp_path, 5, 4)
    assert collected(more, path).blocks_played == 5, "more repeats of the same points"
    assert len(read_store(path).studies) == 2


def test_points_end_early_and_what_is_surplus_is_not_kept_by_combine(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 4, 50, "[stop]\nheralds = 500\n")
    summary = collected(study, path)
    assert summary.progress.points_done == 4
    assert summary.progress.share == 1.0
    assert 4 * 4 <= summary.progress.blocks <= 4 * 9
    kept = [list(store_rows) for store_rows in by_task(path)]
    for rows in kept:
        heralds = [row["counts"]["heralds"] for row in rows]
        assert sum(heralds) >= 500 > sum(heralds[:-1])
    with ThreadPoolExecutor(8) as pool:
        collect(study, path.with_name("s.jsonl"), pool, run=cheap.quick)
    assert lines(path.with_name("s.jsonl")) == lines(path)


def by_task(path: Path) -> Iterator[list[dict[str, Any]]]:
    combined = path.with_name("combined.jsonl")
    combined.write_bytes(b"".join(lines(path)))
    contents = read_store(combined)
    return (contents.rows_of(strong_id) for strong_id in contents.ids())


def test_a_point_that_stands_twice_is_played_once(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = cheap.study(tmp_path, 2)
    twice = [*study.tasks(), *study.tasks()]
    monkeypatch.setattr(study, "tasks", lambda: iter(twice))
    assert collected(study, path).blocks_played == 6
    assert len(lines(path)) == 2 + 6


def test_a_failed_block_is_a_row_with_its_error_and_the_others_go_on(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 30, 3)
    summary = collected(study, path, run=cheap.some_fail)
    failed = [row for row in read_store(path).rows if "error" in row]
    assert {row["error"] for row in failed} == {"UnpicklableError: planted 1 2"}
    assert summary.failed_points == len(failed) > 0
    first = next(t for t in study.tasks() if t.strong_id in {row["id"] for row in failed})
    value = first.point["nodes.alice.t2_s"]
    assert summary.first_failure == f"nodes.alice.t2_s = {value}: UnpicklableError: planted 1 2"
    again = collected(study, path, run=cheap.some_fail)
    assert (again.blocks_played, again.failed_points) == (0, len(failed))
    assert again.first_failure == summary.first_failure


def test_a_block_whose_worker_is_lost_is_tried_again_and_not_a_failure(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 4, 2)
    summary = collected(study, path, lose=2)
    assert (summary.blocks_played, summary.failed_points, summary.lost) == (8, 0, [])
    assert len(lines(path)) == 2 + 8


def test_a_block_that_loses_every_worker_is_set_aside_and_the_others_go_on(
    tmp_path: Path, path: Path, processes: Processes
) -> None:
    study = cheap.study(tmp_path, 6, 1)
    summary = collect(study, path, processes, run=cheap.deadly)
    assert summary.blocks_played == 5
    (lost,) = summary.lost
    assert lost.place == "block 0 of nodes.alice.t2_s = 0.0001"
    assert "ended by SIGKILL" in lost.reason
    assert summary.progress.points_done == 5
    assert summary.failed_points == 0
    assert collect(study, path, processes, run=cheap.quick).blocks_played == 1, "tried anew"


def test_where_no_worker_stays_alive_it_stops_and_says_so(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 100, 1)
    with pytest.raises(CollectionError, match=r"again and again: a worker was lost\. What is sto"):
        collected(study, path, lose=99)
    with pytest.raises(CollectionError, match="again and again: no memory"):
        collected(study, path, run=cheap.out_of_memory)
    assert collected(study, path).blocks_played == 100


def test_a_cluster_that_is_gone_is_one_message_and_what_came_before_is_kept(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 20, 1)
    with pytest.raises(CollectionError, match=r"the cluster is gone\. What is stored is kept"):
        collected(study, path, gone_after=10)
    kept = read_store(path).count
    assert kept
    assert collected(study, path).blocks_played == 20 - kept


def test_a_worker_of_another_version_is_refused(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = cheap.study(tmp_path, 2, 1)
    (task, _) = study.tasks()
    with pytest.raises(CollectionError, match=r"a worker has qnetsim .*, and this is 9\.9"):
        play(cheap.quick, "9.9", task, 0)


def test_a_full_disk_ends_it_and_the_same_call_goes_on(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = cheap.study(tmp_path, 20, 1)
    collected(cheap.study(tmp_path, 20, 1), undisturbed := path.with_name("u.jsonl"))
    write, limit = os.write, undisturbed.stat().st_size - 2000

    def full(fd: int, data: bytes) -> int:
        room = limit - os.fstat(fd).st_size
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:room])

    monkeypatch.setattr(appending.os, "write", full)
    with pytest.raises(CollectionError, match=r"No space left on device\. The rows before"):
        collected(study, path)
    monkeypatch.undo()
    kept = read_store(path)
    assert kept.notice is None
    assert 0 < kept.count < 20
    assert collected(study, path).blocks_played == 20 - kept.count
    assert lines(path) == lines(undisturbed)


def test_it_stops_when_told_to_and_keeps_what_workers_were_at(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 200, 1)
    with ThreadPoolExecutor(2) as pool:
        summary = collect(
            study, path, pool, report=lambda progress: progress.blocks < 10, run=cheap.some_fail
        )
    assert summary.interrupted
    assert 10 <= summary.blocks_played <= 14
    assert read_store(path).count == summary.blocks_played


def test_without_workers_it_stops_at_once_when_told_to(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Idle(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_running_or_notify_cancel()
            return future

    monkeypatch.setattr(sys.modules[collect.__module__], "workers", lambda _: 0)
    seen: list[Progress] = []

    def report(progress: Progress) -> bool:
        seen.append(progress)
        return len(seen) < 3

    summary = collect(cheap.study(tmp_path, 3), path, Idle(), report=report, run=cheap.quick)
    assert summary.interrupted
    assert {progress.workers for progress in seen} == {0}


def leaves(*_: Any) -> dict[str, Any]:
    sys.exit("left")


def is_anothers(task: Task, block: int) -> dict[str, Any]:
    return cheap.row(task, block + 1)


def test_a_block_that_leaves_has_failed_and_a_row_of_another_is_none(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 2, 1)
    assert collected(study, path, run=leaves).first_failure.endswith(": SystemExit: left")
    other = path.with_name("s.jsonl")
    with pytest.raises(CollectionError, match="0001: cannot be played: its row is another block's"):
        collected(study, other, run=is_anothers)
    assert read_store(other).count == 0


def test_few_blocks_are_in_flight_and_tasks_are_made_as_they_are_needed(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = cheap.study(tmp_path, 500, 1)
    made = 0
    tasks = study.tasks

    def counted() -> Iterator[Task]:
        nonlocal made
        for task in tasks():
            made += 1
            yield task

    monkeypatch.setattr(study, "tasks", counted)
    ahead: list[int] = []

    def report(progress: Progress) -> bool:
        ahead.append(made - progress.points_done)
        return True

    collect(study, path, AtOnce(), report=report, run=cheap.quick)
    assert max(ahead) <= 4 * (os.cpu_count() or 1) + 4


def test_progress_counts_what_was_there_and_times_what_is_played_now(
    tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = cheap.study(tmp_path, 40, 2)
    seen: list[Progress] = []

    def stop_at(share: float) -> Any:
        def report(progress: Progress) -> bool:
            seen.append(progress)
            return progress.share < share

        return report

    collect(study, path, AtOnce(), report=stop_at(0.75), run=cheap.quick)
    stored = read_store(path).count
    seen.clear()

    def slow(task: Task, block: int) -> dict[str, Any]:
        time.sleep(0.01)
        return cheap.row(task, block)

    begin = time.monotonic()
    collect(study, path, AtOnce(), report=stop_at(2.0), run=slow)
    took_s = time.monotonic() - begin
    first = seen[0]
    assert first.blocks >= stored
    assert first.share == pytest.approx(first.blocks / 80)
    assert seen[0].left_s is None or seen[0].left_s > 0.3 * took_s, "not fooled by what was there"
    assert seen[-1].share == 1.0
    assert seen[-1].left_s == 0.0
    shares = [progress.share for progress in seen]
    assert shares == sorted(shares)
    middle = seen[len(seen) // 2]
    assert middle.left_s == pytest.approx(took_s / 2, rel=0.5)


def test_progress_takes_points_to_come_to_end_as_early_as_those_before(
    tmp_path: Path, path: Path
) -> None:
    study = cheap.study(tmp_path, 100, 1000, "[stop]\nheralds = 200\n")
    shares: list[tuple[int, float]] = []

    def report(progress: Progress) -> bool:
        shares.append((progress.points_done, progress.share))
        return True

    collect(study, path, AtOnce(), report=report, run=cheap.quick)
    for points, share in shares:
        if points >= 10:
            assert share == pytest.approx(points / 100, abs=0.1)


def test_a_second_call_on_a_store_at_work_is_refused(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 4, 1)
    refused: list[str] = []

    def second(progress: Progress) -> bool:
        if not refused:
            with pytest.raises(InvalidInputError) as error:
                collected(study, path)
            refused.append(str(error.value))
        return True

    summary = collect(study, path, AtOnce(), report=second, run=cheap.quick)
    assert summary.blocks_played == 4
    assert "another collector is at work on it" in refused[0]


def test_collect_is_public_and_plays_in_processes_by_itself(tmp_path: Path, path: Path) -> None:
    study = cheap.study(tmp_path, 3, 1)
    assert qnetsim.collect(study, path, run=cheap.noisy).blocks_played == 3
    assert all(row["counts"]["threads"] == 1 for row in read_store(path).rows)
    assert threading.active_count() < 10
