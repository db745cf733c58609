"""Which charts a study's points make, and how numbers are written."""

from __future__ import annotations

import math

import pytest
from study_points import figure, points_of, study_of

from qnetsim.report.study.charts import draw_charts, draw_panel
from qnetsim.report.study.series import MOST_LINES, MOST_PANELS, charts_of, is_log
from qnetsim.report.study.svg import svg_of
from qnetsim.report.study.wording import interval, number, scale_of
from qnetsim.study.naming import short_names, split_unit
from qnetsim.study.table import axes_of

LENGTHS = {"path": "link.length_m", "values": [1e3, 1e4, 1e5]}


def axis(path: str, count: int) -> dict[str, object]:
    return {"path": path, "linear": {"from": 0.1, "to": 0.9, "points": count}}


@pytest.mark.parametrize(
    ("places", "log"),
    [
        ([1, 10, 100, 1000], True),
        ([1e3, 3e3, 1e4, 3e4, 1e5], True),
        ([1.0, 2.0, 3.0, 4.0, 5.0], False),
        ([0.0, 1.0, 10.0], False),
        ([1.0, 11.0, 21.0, 31.0], False),
        ([1.0, 100.0], True),
    ],
)
def test_an_axis_is_logarithmic_where_its_values_are_evener_by_factors(
    places: list[float], log: bool
) -> None:
    assert is_log(places) is log


def test_scenarios_make_lines_of_one_frame_where_nothing_else_varies() -> None:
    study = study_of([LENGTHS], ("munich_33km", "munich_2022"))
    (chart,) = charts_of(points_of(study), "herald_rate_hz", "rate", None)
    assert [panel.title for panel in chart.panels] == [""]
    assert [line.label for line in chart.panels[0].lines] == ["munich_33km", "munich_2022"]


def test_scenarios_make_frames_and_numbers_lines() -> None:
    study = study_of(
        [{"path": "nodes.*.t2_s", "values": [1e-4, 1e-3]}, LENGTHS], ("munich_33km", "munich_2022")
    )
    charts = charts_of(points_of(study), "herald_rate_hz", "rate", None)
    assert [chart.axis for chart in charts] == ["nodes.*.t2_s", "link.length_m"]
    against_length = charts[1]
    assert [panel.title for panel in against_length.panels] == ["munich_33km", "munich_2022"]
    assert [line.label for line in against_length.panels[0].lines] == ["t2 = 0.1 ms", "t2 = 1 ms"]
    assert against_length.panels[0].lines[0].marks[0].x == 1.0
    assert (against_length.log_x, against_length.log_y) == (True, True)


def test_zipped_paths_are_one_axis() -> None:
    zipped = [LENGTHS, {"path": "nodes.*.t2_s", "values": [1e-4, 1e-3, 1e-2]}]
    points = points_of(study_of([{"zip": zipped}]))
    assert axes_of([point.values for point in points]) == [["link.length_m", "nodes.*.t2_s"]]
    (chart,) = charts_of(points, "herald_rate_hz", "rate", None)
    assert len(chart.panels[0].lines) == 1


def test_too_many_lines_and_frames_are_thinned_out_and_told() -> None:
    many = [
        LENGTHS,
        axis("nodes.alice.collection_efficiency", 20),
        axis("nodes.bob.collection_efficiency", 21),
    ]
    points = points_of(study_of(many))
    charts = charts_of(points, "herald_rate_hz", "rate", None)
    (chart,) = (chart for chart in charts if chart.axis == "link.length_m")
    assert len(chart.panels) == MOST_PANELS
    assert {len(panel.lines) for panel in chart.panels} == {MOST_LINES}
    assert chart.note.startswith("8 of 21 lines are drawn; the table holds all. 6 of 20 frames")
    titles = [panel.title for panel in chart.panels]
    assert titles[0].endswith("= 0.1")
    assert titles[-1].endswith("= 0.9")


def test_nothing_heralded_is_drawn_as_an_upper_end_on_a_logarithmic_axis() -> None:
    study = study_of([LENGTHS])
    nothing = {"figures": {"herald_rate_hz": figure(0.0, 0.0, 1e-9)._replace(high=1e-4)}}
    (chart,) = charts_of(points_of(study, p2=nothing), "herald_rate_hz", "rate", None)
    assert chart.log_y
    assert chart.heights is not None
    assert chart.heights[0] == 1e-9
    svg = svg_of(lambda: draw_panel(chart, chart.panels[0]), "k", "label", {})
    assert "nan" not in svg.lower()


def test_closed_forms_between_the_points_join_those_at_them() -> None:
    study = study_of([LENGTHS])
    asked: list[float] = []

    def curve(_: object, path: str, places: list[float]) -> dict[float, dict[str, float]]:
        assert path == "link.length_m"
        asked.extend(places)
        return {place: {"herald_rate_hz": 1.0} for place in places}

    (chart,) = charts_of(points_of(study), "herald_rate_hz", "rate", curve)  # type: ignore[arg-type]
    curve_km = [x for x, _ in chart.panels[0].lines[0].curve]
    assert curve_km == sorted(curve_km)
    assert len(curve_km) == 3 + len(asked) > 10
    assert not {1e3, 1e4, 1e5} & set(asked)


def test_a_chart_holds_text_as_text_and_no_name_is_read_as_a_formula() -> None:
    study = study_of([LENGTHS])
    (chart,) = charts_of(points_of(study), "herald_rate_hz", "cost in $\\frac{$ & <b>", None)
    svg = svg_of(lambda: draw_panel(chart, chart.panels[0]), "k", 'a "label"', {"#1b6ca8": "--c0"})
    assert "cost in $\\frac{$ &amp; &lt;b&gt;" in svg
    assert "#1b6ca8" not in svg
    assert "var(--c0)" in svg
    assert 'aria-label="a &#34;label&#34;"' in svg
    assert "http" not in svg
    draw_charts("$\\frac{$", [chart]).canvas.draw()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (1234567, "1,234,567"), (0.05, "0.05"), (2.41399, "2.414"),
        (1e-9, "10⁻⁹"), (1.25e12, "1.25·10¹²"), (None, ""), (math.inf, "∞"), (True, "True"),
        (-0.0004, "-4·10⁻⁴"), (1000.0, "1,000"), (99999.6, "100,000"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_a_person_writes_them(value: float | None, text: str) -> None:
    assert number(value) == text


def test_an_interval_has_the_digits_that_tell_its_ends_apart() -> None:
    assert interval(2.4131, 2.4139) == "2.41310 … 2.41390"
    assert interval(66.04, 72.19) == "66.0 … 72.2"
    assert interval(None, 1.0) == ""


def test_units_get_the_prefix_that_fits_the_largest_value() -> None:
    assert scale_of("length_m", [1e3, 1e5]).label == "length (km)"
    assert scale_of("t2_s", [1e-4, 1e-3]).write(1e-4) == "0.1 ms"
    assert scale_of("attenuation_db_per_km", [0.2]).label == "attenuation (dB/km)"
    assert scale_of("slots", [1, 1000]).write(1000) == "1,000"


def test_names_keep_as_many_words_as_tell_them_apart() -> None:
    names = short_names(["nodes.*.slots", "nodes.alice.t2_s", "nodes.bob.t2_s"])
    assert list(names.values()) == ["slots", "alice.t2_s", "bob.t2_s"]
    assert split_unit("key_rate_bits_per_s") == ("key_rate", "bit/s")
    assert split_unit("chsh_s") == ("chsh_s", "")
