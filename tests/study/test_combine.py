"""Stores merge as sets: in any order and grouping, and into themselves."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cheap
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_collect import AtOnce

from qnetsim.errors import InvalidInputError
from qnetsim.study.collect import collect
from qnetsim.study.combine import combine
from qnetsim.study.store import header, line_of, study_line
from qnetsim.study.study import Study

STOP = "[stop]\nheralds = 220"
POINTS, REPEATS = 4, 5

Made = tuple[list[int], list[tuple[int, int]], int]
"""Which studies a store holds, which of their rows in which order, and how its end is torn."""


class Whole:
    """Two studies without a point in common, and every row that they could have."""

    def __init__(self, folder: Path) -> None:
        other = "set = { 'nodes.bob.t2_s' = 2e-4 }"
        path = folder / "other.toml"
        self.studies = [cheap.study(folder, POINTS, REPEATS, STOP)]
        cheap.study(folder, POINTS, REPEATS, STOP, name="other")
        path.write_text(path.read_text().replace("seed = 1", f"seed = 2\n{other}"))
        self.studies.append(cheap.load_study(path))
        self.rows = [
            [line_of(cheap.quick(t, k)) for t in study.tasks() for k in range(REPEATS)]
            for study in self.studies
        ]


@pytest.fixture(scope="module")
def whole() -> Iterator[Whole]:
    with tempfile.TemporaryDirectory() as folder:
        yield Whole(Path(folder))


@st.composite
def store(draw: st.DrawFn) -> Made:
    """Which studies a store holds, which of their rows in which order, and how its end is torn."""
    studies = draw(st.lists(st.sampled_from([0, 1]), min_size=1, max_size=2, unique=True))
    row = st.tuples(st.sampled_from(studies), st.integers(0, POINTS * REPEATS - 1))
    return studies, draw(st.lists(row, max_size=50)), draw(st.integers(0, 100))


def bytes_of(whole: Whole, made: Made) -> bytes:
    studies, rows, torn = made
    head = [header(), *(study_line(whole.studies[k].definition()) for k in studies)]
    return b"".join([*head, *(whole.rows[k][row] for k, row in rows), whole.rows[0][0][:torn]])


def merged(*stores: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{k}.jsonl" for k in range(len(stores))]
        for path, data in zip(paths, stores, strict=True):
            path.write_bytes(data)
        return b"".join(combine(paths).lines)


@settings(max_examples=20)
@given(made=st.tuples(store(), store(), store()))
def test_the_union_is_idempotent_commutative_and_associative(
    whole: Whole, made: tuple[Made, ...]
) -> None:
    a, b, c = (bytes_of(whole, one) for one in made)
    alone = merged(a)
    assert merged(alone) == alone
    assert merged(a, a) == alone
    both = merged(a, b)
    assert merged(b, a) == both
    assert merged(both, b) == both
    assert merged(both, c) == merged(a, merged(b, c)) == merged(a, b, c)


@settings(max_examples=40)
@given(made=st.tuples(store(), store()))
def test_no_row_is_lost_that_a_study_wants_and_none_is_there_twice(
    whole: Whole, made: tuple[Made, ...]
) -> None:
    given_rows = {whole.rows[k][row] for _, rows, _ in made for k, row in rows}
    lines = merged(*(bytes_of(whole, one) for one in made)).splitlines(keepends=True)
    rows = [line for line in lines if line.startswith(b'{"block"')]
    assert len(set(rows)) == len(rows)
    assert set(rows) <= given_rows
    kept: dict[str, list[int]] = {}
    for row in map(json.loads, rows):
        kept.setdefault(row["id"], []).append(row["block"])
    for row in map(json.loads, given_rows - set(rows)):
        assert row["block"] > max(kept[row["id"]]), "only what lies beyond a point's end"


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return cheap.study(tmp_path, POINTS, REPEATS, STOP)


def test_two_halves_of_a_study_make_the_whole(study: Study, tmp_path: Path) -> None:
    one, other, alone = (tmp_path / f"{name}.jsonl" for name in ("a", "b", "c"))
    for path, parity in ((one, 0), (other, 1)):
        data = [header(), study_line(study.definition())]
        tasks = [task for k, task in enumerate(study.tasks()) if k % 2 == parity]
        data += [line_of(cheap.quick(task, k)) for task in tasks for k in reversed(range(REPEATS))]
        path.write_bytes(b"".join(data))
    collect(study, alone, AtOnce(), run=cheap.quick)
    assert list(combine([one, other]).lines) == list(combine([alone]).lines)


def test_rows_that_differ_or_belong_to_no_study_are_refused(study: Study, tmp_path: Path) -> None:
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    collect(study, one, AtOnce(), run=cheap.quick)
    task = next(study.tasks())
    forged = {**cheap.quick(task, 0), "seed": 1}
    head = header() + study_line(study.definition())
    other.write_bytes(head + line_of(forged))
    with pytest.raises(InvalidInputError, match=f"b.jsonl = id {task.strong_id}, block 0: was sto"):
        combine([one, other])
    other.write_bytes(head + line_of({**forged, "id": "0" * 64}))
    with pytest.raises(InvalidInputError, match=f"b.jsonl = id {'0' * 64}: is in no study"):
        combine([one, other])


def test_more_repeats_of_the_same_points_keep_all_rows(study: Study, tmp_path: Path) -> None:
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    few, many = cheap.study(tmp_path, 3, 2), cheap.study(tmp_path, 3, 6)
    collect(few, one, AtOnce(), run=cheap.quick)
    collect(many, other, AtOnce(), run=cheap.quick)
    both = list(combine([one, other]).lines)
    assert len(both) == 3 + 3 * 6
    assert both == list(combine([other, one]).lines)
