"""``qnetsim report`` and ``qnetsim plot`` of a store: whole files or none, and why."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from prompt import Command
from small_store import failed, rows_of, small_study, write_store

from qnetsim.report.study import shown

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    study = small_study()
    return write_store(tmp_path_factory.mktemp("store") / "r.jsonl", [study], rows_of(study))


@pytest.mark.parametrize(
    ("suffix", "head"),
    [(".html", b"<!doctype html>"), (".csv", b"study,point,id,"), (".parquet", b"PAR1")],
)
def test_the_suffix_says_what_is_written(
    command: Command, tmp_path: Path, store: Path, suffix: str, head: bytes
) -> None:
    path = tmp_path / f"out{suffix}"
    done = command("report", store, "-o", path)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert path.read_bytes().startswith(head)
    assert list(tmp_path.iterdir()) == [path]


def test_a_store_gives_the_same_page_again_wherever_it_lies(
    command: Command, tmp_path: Path, store: Path
) -> None:
    moved = tmp_path / "elsewhere" / store.name
    moved.parent.mkdir()
    moved.write_bytes(store.read_bytes())
    for source, page in ((store, "a.html"), (moved, "b.html")):
        assert command("report", source, "-o", tmp_path / page).code == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_store_is_drawn_as_a_picture(
    command: Command, tmp_path: Path, store: Path, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    assert command("plot", store, "-o", path).code == 0
    assert path.read_bytes().startswith(PNG if suffix == ".png" else b"<?xml")


def test_a_store_by_another_name_is_known_by_what_it_holds(
    command: Command, tmp_path: Path, store: Path
) -> None:
    renamed = tmp_path / "store"
    renamed.write_bytes(store.read_bytes())
    assert command("plot", renamed, "-o", tmp_path / "out.png").code == 0


def test_a_page_holds_all_studies_of_a_store(command: Command, tmp_path: Path) -> None:
    studies = [small_study(), small_study(name="other", title="Another one", seed=2)]
    rows = [row for study in studies for row in rows_of(study)]
    store = write_store(tmp_path / "r.jsonl", studies, rows)
    assert command("report", store, "-o", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 2
    assert "<title>A small study; Another one</title>" in page


def test_only_rows_up_to_the_first_missing_block_count(command: Command, tmp_path: Path) -> None:
    study = small_study()
    rows = rows_of(study)
    store = write_store(tmp_path / "r.jsonl", [study], [rows[1], *rows[2:]])
    assert command("report", store, "-o", tmp_path / "r.csv").code == 0
    table = (tmp_path / "r.csv").read_text(encoding="utf-8")
    first, second, *_ = csv.DictReader(table.splitlines())
    assert (first["blocks"], first["complete"], first["herald_rate_hz"]) == ("0", "False", "")
    assert (second["blocks"], second["complete"]) == ("2", "True")


def test_a_torn_line_is_told_and_does_not_count(
    command: Command, tmp_path: Path, store: Path
) -> None:
    torn = tmp_path / "r.jsonl"
    torn.write_bytes(store.read_bytes()[:-10])
    done = command("report", torn, "-o", tmp_path / "r.html")
    assert done.code == 0
    assert "the last line is torn" in done.err
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "3 of 4 points are complete" in page
    assert "the last line is torn" in page


def test_only_failed_blocks_give_a_page_and_a_table_but_no_picture(
    command: Command, tmp_path: Path
) -> None:
    study = small_study(repeats=1)
    rows = [failed(row, "SimulationError: out of atoms") for row in rows_of(study)]
    store = write_store(tmp_path / "r.jsonl", [study], rows)
    assert command("report", store, "-o", tmp_path / "r.html").code == 0
    assert "out of atoms" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert command("report", store, "-o", tmp_path / "r.csv").code == 0
    done = command("plot", store, "-o", tmp_path / "r.png")
    assert done.code == 2
    assert "nothing to draw" in done.err
    assert not (tmp_path / "r.png").exists()


@pytest.mark.parametrize("verb", ["report", "plot"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty, and no store"),
        (b'{"a": 1}\n', "is no store of qnetsim's"),
        (b'{"qnetsim_store":1,"version":"0.0.1"}\n', "was written by qnetsim 0.0.1"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_store_is_refused(
    command: Command, tmp_path: Path, verb: str, content: bytes | None, message: str
) -> None:
    store, output = tmp_path / "r.jsonl", tmp_path / ("r.html" if verb == "report" else "r.png")
    output.write_text("kept")
    if content is not None:
        store.write_bytes(content)
    done = command(verb, store, "-o", output)
    assert done.code == 2
    assert message in done.err
    assert output.read_text() == "kept"


def test_a_store_without_rows_says_how_they_come(command: Command, tmp_path: Path) -> None:
    store = write_store(tmp_path / "r.jsonl", [small_study()], [])
    done = command("report", store, "-o", tmp_path / "r.html")
    assert done.code == 2
    assert "holds no rows yet; 'qnetsim collect' adds them" in done.err


def test_every_fault_is_told_at_once_and_the_store_is_kept(
    command: Command, tmp_path: Path, store: Path
) -> None:
    done = command("report", store, "-o", tmp_path / "r.txt")
    assert done.code == 2
    assert "must end in .html, .csv or .parquet" in done.err
    missing = command("report", tmp_path / "no.jsonl", "-o", tmp_path / "no" / "r.html")
    assert missing.code == 2
    assert "no.jsonl" in missing.err
    assert "--output" in missing.err
    as_page = tmp_path / "r.html"
    as_page.write_bytes(store.read_bytes())
    done = command("report", as_page, "-o", as_page)
    assert done.code == 2
    assert "is the store itself" in done.err
    assert as_page.read_bytes() == store.read_bytes()


def test_a_store_takes_no_settings_and_no_other_picture(
    command: Command, tmp_path: Path, store: Path
) -> None:
    for more in (["--set", "run.max_rounds=5"], ["--what", "budget"]):
        done = command("plot", store, "-o", tmp_path / "r.png", *more)
        assert done.code == 2
        assert more[0] in done.err


def test_a_page_holds_no_more_points_than_it_can(
    command: Command, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "MOST_POINTS", 3)
    assert command("report", store, "-o", tmp_path / "r.html").code == 0
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "This page shows the first 3 of 4 points" in page


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_without_pandas_a_table_says_what_to_install(
    command: Command, tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    done = command("report", store, "-o", tmp_path / f"r{suffix}")
    assert done.code == 1
    assert "pandas is not installed: pip install 'qnetsim[analysis]'" in done.err
    assert list(tmp_path.iterdir()) == []
