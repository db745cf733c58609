"""The limit of physics and published rates beside a study's."""

from __future__ import annotations

import pytest
from study_points import points_of, study_of

from qnetsim.report.rate import ideal_rate_hz
from qnetsim.report.study.charts import draw_panel
from qnetsim.report.study.landmarks import with_landmarks
from qnetsim.report.study.series import Chart, charts_of

LENGTHS = {"path": "link.length_m", "values": [1e3, 1e4, 1e5]}


def chart_of(study: object) -> Chart:
    points = points_of(study)
    chart = charts_of(points, "herald_rate_hz", "rate", None)[-1]
    return with_landmarks(chart, study, points)


def test_the_limit_is_that_of_one_pair_of_perfect_parts() -> None:
    assert ideal_rate_hz(50e3) == pytest.approx(204, abs=0.5)
    assert ideal_rate_hz(100e3) == pytest.approx(10.2, abs=0.05)


def test_links_of_one_pair_stand_beside_their_limit_and_what_is_published() -> None:
    chart = chart_of(study_of([LENGTHS], ("munich_33km", "munich_2022")))
    assert [x for x, _ in chart.limit][:: len(chart.limit) - 1] == pytest.approx([0.7, 100])
    assert dict(chart.limit)[max(dict(chart.limit))] == pytest.approx(10.2, abs=0.05)
    published = {mark.label: (mark.x, mark.value) for mark in chart.panels[0].published}
    assert published["munich_2022"] == pytest.approx((0.7, 0.0122))
    assert published["munich_33km"] == pytest.approx((33.0, 0.00481))
    lowest, highest = chart.heights
    assert lowest <= 0.00481
    assert highest >= chart.limit[0][1]
    assert len(draw_panel(chart, chart.panels[0]).axes[0].lines) >= 3


@pytest.mark.parametrize(
    "more",
    [
        {"axes": [{"path": "nodes.*.slots", "values": [1, 10]}, LENGTHS]},
        {"axes": [LENGTHS], "set": {"nodes.*.slots": 10}},
    ],
    ids=["an axis", "a setting"],
)
def test_arrays_have_neither_the_limit_of_one_pair_nor_its_publication(more: dict) -> None:
    study = study_of(
        more["axes"], ("munich_33km",), **{k: v for k, v in more.items() if k == "set"}
    )
    chart = chart_of(study)
    assert not chart.limit
    assert not any(panel.published for panel in chart.panels)
