"""A store for pandas, Parquet and xarray: the figures of the points, with units and provenance."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from small_store import failed, rows_of, small_study, write_store

from qnetsim.errors import InvalidInputError, QnetsimError
from qnetsim.study.analysis import METADATA, rows_frame, study_frame, to_parquet, to_xarray
from qnetsim.study.statistics import figures, totals
from qnetsim.study.store import read_store
from qnetsim.study.study import Study

pandas = pytest.importorskip("pandas")
xarray = pytest.importorskip("xarray")
parquet = pytest.importorskip("pyarrow.parquet")


@pytest.fixture(scope="module")
def study() -> Study:
    return small_study()


@pytest.fixture(scope="module")
def rows(study: Study) -> list[dict[str, Any]]:
    return rows_of(study)


@pytest.fixture(scope="module")
def store(
    study: Study, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    return write_store(tmp_path_factory.mktemp("store") / "r.jsonl", [study], rows[::-1])


def test_a_frame_has_a_row_for_each_point_with_its_figures(
    study: Study, rows: list[dict[str, Any]], store: Path
) -> None:
    frame = study_frame(store)
    assert frame["point"].tolist() == [0, 1, 2, 3]
    assert frame["t2_s"].tolist() == [1e-3, 1e-3, 1e-2, 1e-2]
    assert frame["length_m"].tolist() == [1e3, 1e4, 1e3, 1e4]
    assert frame["complete"].all()
    for number, task in enumerate(study.tasks()):
        own = [row for row in rows if row["id"] == task.strong_id]
        for key, figure in figures(study, task, own).items():
            found = [frame[key + end][number] for end in ("", "_stderr", "_low", "_high")]
            assert found == pytest.approx(list(figure[:4]), nan_ok=True)
            expected = frame[f"expected_{key}"][number]
            assert expected == figure.expected or (
                figure.expected is None and pandas.isna(expected)
            )


def test_a_frame_of_rows_adds_up_to_the_points(
    study: Study, rows: list[dict[str, Any]], store: Path
) -> None:
    frame = rows_frame(read_store(store))
    assert len(frame) == len(rows)
    assert frame["block"].tolist() == [0, 1] * 4
    assert frame["seed"].tolist() == [row["seed"] for row in rows]
    summed = frame.groupby("point")[["heralds", "attempts", "fidelity.sum"]].sum()
    for number, task in enumerate(study.tasks()):
        whole = totals(row for row in rows if row["id"] == task.strong_id)
        assert summed["attempts"][number] == whole["attempts"]
        assert summed["fidelity.sum"][number] == pytest.approx(whole["fidelity"]["sum"])


def test_a_failed_block_is_a_row_with_its_error_and_a_point_without_figures(
    study: Study, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    store = write_store(tmp_path / "r.jsonl", [study], [failed(rows[0], "no light"), *rows[2:]])
    points, blocks = study_frame(store), rows_frame(store)
    assert points["failed"].tolist() == [1, 0, 0, 0]
    assert math.isnan(points["herald_rate_hz"][0])
    assert blocks["error"].tolist()[0] == "no light"
    assert blocks["error"].isna().sum() == 6


def test_parquet_keeps_numbers_units_and_the_definition(
    study: Study, store: Path, tmp_path: Path
) -> None:
    frame = study_frame(store)
    for name, whole in (("points", frame), ("rows", rows_frame(store))):
        path = tmp_path / f"{name}.parquet"
        to_parquet(whole, path)
        pandas.testing.assert_frame_equal(pandas.read_parquet(path), whole)
        about = json.loads(parquet.read_schema(path).metadata[METADATA.encode()])
        again = Study.from_definition(about["studies"][0])
        assert [t.strong_id for t in again.tasks()] == [t.strong_id for t in study.tasks()]
    assert {"t2_s", "length_m", "herald_rate_hz"} <= set(frame.columns)


def test_a_data_set_has_the_axes_as_coordinates_and_units(store: Path) -> None:
    data, frame = to_xarray(store), study_frame(store)
    assert dict(data.sizes) == {"t2_s": 2, "length_m": 2}
    assert data["length_m"].attrs["units"] == "m"
    assert data["herald_rate_hz"].attrs["units"] == "Hz"
    assert data["herald_rate_hz_stderr"].attrs["units"] == "Hz"
    assert data["expected_herald_rate_hz"].attrs["units"] == "Hz"
    assert "units" not in data["chsh_s"].attrs
    there = data["herald_rate_hz"].sel(t2_s=1e-2, length_m=1e3).item()
    assert there == frame["herald_rate_hz"][2]
    assert json.loads(data.attrs[METADATA])["studies"][0]["name"] == "small"


def test_zipped_axes_share_a_dimension_and_points_without_rows_are_missing(tmp_path: Path) -> None:
    zipped = [
        {"path": "nodes.*.t2_s", "values": [1e-3, 1e-2]},
        {"path": "link.length_m", "values": [1e3, 1e4]},
    ]
    single = {"path": "nodes.alice.readout.duration_s", "values": [1e-5]}
    study = small_study(axes=[{"zip": zipped}, single])
    store = write_store(tmp_path / "r.jsonl", [study], rows_of(study)[:2])
    data = to_xarray(store)
    assert dict(data.sizes) == {"t2_s": 2}
    assert data["length_m"].dims == ("t2_s",)
    assert data["duration_s"].item() == 1e-5
    assert data["herald_rate_hz"].isnull().values.tolist() == [False, True]


def test_of_several_studies_one_must_be_named_and_frames_hold_all(tmp_path: Path) -> None:
    studies = [small_study(), small_study(name="other", axes=[])]
    rows = [row for study in studies for row in rows_of(study)]
    store = write_store(tmp_path / "r.jsonl", studies, rows)
    with pytest.raises(InvalidInputError, match="one study; the store has small, other"):
        to_xarray(store)
    with pytest.raises(InvalidInputError, match="study = third"):
        to_xarray(store, "third")
    assert dict(to_xarray(store, "other").sizes) == {}
    frame = study_frame(store)
    assert frame["study"].tolist() == ["small"] * 4 + ["other"]
    to_parquet(frame, tmp_path / "r.parquet")


def test_values_of_different_kinds_share_a_column_as_text(tmp_path: Path) -> None:
    mixed = {"path": "stations.*.accept", "values": [["psi+"], ["psi+", "psi-"]]}
    study = small_study(axes=[mixed])
    store = write_store(tmp_path / "r.jsonl", [study], rows_of(study))
    frame = study_frame(store)
    assert frame["accept"].tolist() == ['["psi+"]', '["psi+", "psi-"]']
    to_parquet(frame, tmp_path / "r.parquet")
    assert dict(to_xarray(store).sizes) == {"accept": 2}


@pytest.mark.parametrize("name", ["pandas", "pyarrow", "xarray"])
def test_what_is_not_installed_is_named(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    frame = study_frame(store)
    monkeypatch.setitem(sys.modules, name, None)
    ask = {
        "pandas": lambda: rows_frame(store),
        "pyarrow": lambda: to_parquet(frame, tmp_path / "r.parquet"),
        "xarray": lambda: to_xarray(store),
    }[name]
    with pytest.raises(QnetsimError, match=rf"{name} is not installed: pip install 'qnetsim\[an"):
        ask()
    assert not list(tmp_path.iterdir())
