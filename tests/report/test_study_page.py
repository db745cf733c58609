"""The page of a study: what it says, of whom it asks nothing, and what it escapes."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from small_store import rows_of, small_study, write_store
from study_points import FAILED, HOSTILE, LAW, LENGTHS, STORE, counted, figure, points_of, study_of

from qnetsim.report.study import arrays
from qnetsim.report.study.activities import activities_of
from qnetsim.report.study.page import render
from qnetsim.report.study.shown import Shown, shown_of
from qnetsim.report.study.worth import worth_of_points
from qnetsim.study.store import read_store
from qnetsim.study.study import Study


class Reader(HTMLParser):
    """Collects what a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture(scope="module")
def study() -> Study:
    axes = [{"path": "nodes.*.t2_s", "values": [1e-4, 1e-3]}, LENGTHS]
    return study_of(axes, ("munich_33km", "single_photon_link"))


@pytest.fixture(scope="module")
def page(study: Study) -> str:
    points = points_of(study, p1={"blocks": 2, "ended": False}, p2=FAILED)
    return render([Shown(study, points)], STORE)


def test_the_same_points_give_the_same_bytes() -> None:
    study = study_of([{"path": "nodes.*.t2_s", "values": [1e-4, 1e-3]}])
    assert len({render([Shown(study, points_of(study))], STORE) for _ in range(2)}) == 1


def test_a_page_asks_for_nothing_outside_and_runs_nothing(page: str) -> None:
    found = read(page)
    assert not {"script", "iframe", "object", "embed", "img", "form"} & set(found.tags)
    assert all(link.startswith("#") or link == "data:," for link in found.links)
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert len(found.ids) == len(set(found.ids))
    assert not re.search(r"url\((?!#)|@import", page)


def test_what_files_say_is_text(page: str) -> None:
    found = read(page)
    assert page.count("<script") == 0
    assert HOSTILE in found.text
    assert f"SimulationError: {HOSTILE}\nsecond line" in found.text


def test_a_page_says_what_is_missing_and_what_failed(page: str) -> None:
    text = read(page).text
    assert "11 of 12 points are complete; 46 blocks; 1 of them failed." in text
    assert "lack blocks: 1." in text
    assert "2 so far" in text


def test_a_page_holds_every_point_its_interval_its_closed_form_and_its_id(
    study: Study, page: str
) -> None:
    text = read(page).text
    for task in study.tasks():
        assert task.strong_id in text
    assert "2.30 … 2.50" in text
    assert "2.41" in text
    for part in ("link.length_m", "1 km to 100 km, 3 points, logarithmic", "max_rounds = 50"):
        assert part in text


def test_every_figure_is_drawn_against_every_numeric_axis(page: str) -> None:
    labels = re.findall(r'<svg role="img" aria-label="([^"]*)"', page)
    assert len(labels) == 2 * 2 * 2
    for words in ("heralds a second against t2 (ms)", "CHSH value S against length (km)"):
        assert sum(label.startswith(words) for label in labels) == 2


def test_a_page_has_the_photon_budget_of_every_base_scenario(page: str) -> None:
    text = read(page).text
    assert text.count("Photon budget: ") == 2
    assert "nodes.alice: collection" in text


def test_many_points_are_folded_and_more_than_a_page_holds_are_counted() -> None:
    study = study_of(
        [{"path": "nodes.*.t2_s", "linear": {"from": 1e-4, "to": 1e-3, "points": 400}}]
    )
    points = points_of(study)[:300]
    page = render([Shown(study, points)], STORE)
    assert "<details><summary>300 points</summary>" in page
    assert "This page shows the first 300 of 400 points" in read(page).text


def test_only_failed_blocks_still_make_a_page() -> None:
    study = study_of([LENGTHS])
    failed = {"errors": {0: "out of range"}, "figures": {}, "blocks": 1}
    points = points_of(study, p0=failed, p1=failed, p2=failed)
    page = render([Shown(study, points)], STORE)
    assert "No block worked: there are no figures." in read(page).text
    assert "<svg" not in page


def test_a_study_without_axes_makes_a_page_without_charts() -> None:
    study = study_of([])
    page = render([Shown(study, points_of(study))], STORE)
    assert "1 of 1 points are complete" in read(page).text
    assert "<svg" not in page


@pytest.mark.parametrize(
    ("value", "expected", "far"),
    [(1.0, 1.0, False), (1.0, 1.24, False), (1.0, 1.3, True), (1.0, 0.7, True), (0.0, None, False)],
)
def test_a_closed_form_far_from_its_figure_is_marked_and_explained(
    value: float, expected: float | None, far: bool
) -> None:
    study = study_of([])
    rate = {"figures": {"herald_rate_hz": figure(value, 0.05, expected)}}
    page = render([Shown(study, points_of(study, p0=rate))], STORE)
    assert ('class="number far"' in page) is far
    assert ("every block begins anew" in page) is far


# --- arrays ---------------------------------------------------------------------------------------


def test_a_rate_over_its_law_is_the_share_used_less_what_was_missed_over_the_share_allowed() -> (
    None
):
    (point,) = points_of(study_of([]))
    found = arrays.deviation_of(counted(point, heralds_blinded=10).counts, LAW)
    assert found is not None
    used = found.shares[arrays.USED]
    explained = used * (1 - found.missed) * found.chance / found.allowed
    assert found.rate_hz / found.law_hz == pytest.approx(explained)
    assert found.chance == pytest.approx(100 / 900 / 0.11)
    assert found.chance_stderr == pytest.approx(0.1 * found.chance)
    assert found.missed == pytest.approx(0.1)
    assert found.bound_by == "dead time"


def test_the_page_explains_an_arrays_deviation_by_what_was_counted() -> None:
    study = study_of([LENGTHS])
    points = [counted(point) for point in points_of(study)]
    found = arrays.deviations_of(points, lambda _: LAW)
    assert found is not None
    assert found.bars[0].label == "length = 1 km"
    assert [part.share for part in found.bars[0].parts] == [0.9, 0.06, 0.04]
    assert {"rate/law", "limited by"} <= set(found.table.headings)
    assert arrays.deviations_of(points_of(study), lambda _: LAW) is None


def test_each_nodes_time_adds_up_and_stands_on_the_page(tmp_path: Path) -> None:
    study = small_study()
    contents = read_store(write_store(tmp_path / "r.jsonl", [study], rows_of(study)))
    (shown,) = shown_of(contents)
    points = shown.points
    activities = activities_of(points)
    assert activities is not None
    assert len(activities.bars) == 2 * len(points)
    for bar in activities.bars:
        assert sum(part.share for part in bar.parts) == pytest.approx(1)
        assert {part.label for part in bar.parts} <= {entry.label for entry in activities.legend}
        assert bar.verdict in render([shown], STORE)


def test_the_page_says_what_its_key_rates_are_worth(tmp_path: Path) -> None:
    axes = [{"path": "nodes.*.slots", "values": [1, 2]}]
    study = small_study(axes=axes, block={"max_rounds": 400}, repeats=1)
    contents = read_store(write_store(tmp_path / "r.jsonl", [study], rows_of(study)))
    (shown,) = shown_of(contents)
    alone, beside = worth_of_points(shown.points)
    assert (alone.overlapping, beside.overlapping) == (False, True)
    assert "general" in alone.attacks
    assert "general" not in beside.attacks
    text = unescape(render([shown], STORE))
    assert all(words in text for words in (alone.attacks, beside.attacks, *beside.assumptions))
