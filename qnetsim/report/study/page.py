"""The report of a study as one page that needs nothing else."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qnetsim.report.study.activities import activities_of
from qnetsim.report.study.arrays import LAW, deviations_of
from qnetsim.report.study.budgets import KINDS, budgets_of
from qnetsim.report.study.charts import COLOURS, MARKERS, draw_panel, landmarks
from qnetsim.report.study.series import Chart, Panel
from qnetsim.report.study.shown import Shown, charts_of_study
from qnetsim.report.study.svg import svg_of
from qnetsim.report.study.tables import Cell, Table, axis_scales, place_of, points_table
from qnetsim.report.study.wording import number, scale_of
from qnetsim.report.study.worth import worth_of_points
from qnetsim.study.definition import Series
from qnetsim.study.naming import short_names
from qnetsim.study.study import SCENARIO, Study
from qnetsim.study.table import Point

if TYPE_CHECKING:
    from markupsafe import Markup

_FOLDED_FROM = 40
_MOST_FAILURES = 50
_MOST_VALUES = 40
_GLYPHS = dict(zip(MARKERS, "●■▲◆▼★✚✖", strict=True))


def render(shown: Sequence[Shown], store: Mapping[str, str]) -> str:
    """Returns the page.

    The same store gives the same page on the same machine.

    Args:
        shown: the studies.
        store: what is said of the store, by what it is.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    here = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    studies = [_study(place, it) for place, it in enumerate(shown)]
    return here.get_template("page.html.j2").render(
        title="; ".join(dict.fromkeys(it.study.title for it in shown)),
        studies=studies,
        kinds=KINDS,
        law=LAW,
        provenance=[*store.items(), *_machine()],
    )


def _study(place: int, shown: Shown) -> dict[str, Any]:
    study, points = shown
    table = points_table(points, study.repeats)
    return {
        "title": study.title,
        "source": study.source,
        "state": _state(points, len(study)),
        "warnings": _warnings(points, len(study)),
        "charts": [_group(f"s{place}", chart) for chart in charts_of_study(shown)],
        "points": table,
        "has_closed": "closed form" in table.headings,
        "far": any("far" in cell.look for row in table.rows for cell in row),
        "fold": len(points) > _FOLDED_FROM,
        "worth": worth_of_points(points),
        "deviations": deviations_of(points),
        "activities": activities_of(points),
        "budgets": budgets_of(study),
        "axes": _axes(study),
        "settings": _settings(study),
        "definition": json.dumps(study.definition(), indent=1, sort_keys=True, ensure_ascii=False),
        "failures": _failures(points),
        "ids": _ids(points),
    }


def _state(points: Sequence[Point], total: int) -> str:
    ended = sum(point.ended for point in points)
    blocks = sum(point.blocks for point in points)
    failed = sum(len(point.errors) for point in points)
    parts = [f"{ended:,} of {total:,} points are complete", f"{blocks:,} blocks"]
    return "; ".join(parts + [f"{failed:,} of them failed"] * bool(failed)) + "."


def _warnings(points: Sequence[Point], total: int) -> list[str]:
    found = []
    if len(points) < total:
        found.append(
            f"This page shows the first {len(points):,} of {total:,} points; "
            "a report to a .csv or .parquet file holds all."
        )
    missing = sum(not point.ended for point in points)
    if missing:
        found.append(
            f"Not complete: points shown that lack blocks: {missing:,}. Their figures are of the "
            "blocks so far; 'qnetsim collect' with the same store goes on."
        )
    if points and not any(point.figures for point in points):
        found.append("No block worked: there are no figures.")
    return found


def _group(prefix: str, chart: Chart) -> dict[str, Any]:
    labels = list(dict.fromkeys(line.label for panel in chart.panels for line in panel.lines))
    legend = [
        {"colour": k, "marker": _GLYPHS[MARKERS[k]], "label": label}
        for k, label in enumerate(labels)
        if label
    ]
    word = "".join(c if c.isascii() and c.isalnum() else "-" for c in f"{chart.key}-{chart.axis}")
    return {
        "title": f"{chart.y[0].upper()}{chart.y[1:]} against {chart.x.name}",
        "legend": legend,
        "note": f"{chart.note}Points: simulated, with 95 % intervals. Lines: closed form."
        + f" {landmarks(chart)}",
        "panels": [
            _panel(chart, panel, f"{prefix}-{word}-{place}")
            for place, panel in enumerate(chart.panels)
        ],
    }


def _panel(chart: Chart, panel: Panel, key: str) -> Markup:
    from markupsafe import Markup

    label = " ".join(filter(None, (f"{chart.y} against {chart.x.label}.", panel.title)))
    colours = {colour: f"--c{k}" for k, colour in enumerate(COLOURS)}
    return Markup(svg_of(lambda: draw_panel(chart, panel), key, label, colours))


def _axes(study: Study) -> Table:
    """Returns the axes as the study file has them."""
    names = short_names(study.paths)
    rows = []
    if SCENARIO in study.paths:
        rows.append([Cell(SCENARIO, look="code"), Cell(", ".join(study.scenarios))])
    for axis in study.model.axes:
        for place, (_, series) in enumerate(axis.series):
            path = str(series.path)
            together = "with the one above: " if place else ""
            rows.append([Cell(path, look="code"), Cell(together + _steps(series, names[path]))])
    return Table(["axis", "values"], rows)


def _steps(series: Series, name: str) -> str:
    span = series.linear or series.log
    if span is not None:
        scale = scale_of(name, [span.start, span.to])
        ends = f"{scale.write(span.start)} to {scale.write(span.to)}"
        return f"{ends}, {span.points:,} points, {'linear' if series.linear else 'logarithmic'}"
    values = series.values or []
    scale = scale_of(name, values)
    written = ", ".join(scale.write(value) for value in values[:_MOST_VALUES])
    return written + f", … ({len(values):,} in all)" * (len(values) > _MOST_VALUES)


def _settings(study: Study) -> list[tuple[str, str]]:
    block = study.block.model_dump(exclude_none=True)
    stop = study.stop.model_dump(exclude_none=True) if study.stop else {}
    told = [
        ("study", study.name),
        ("scenarios", ", ".join(study.scenarios)),
        ("a block ends at", _pairs(block)),
        ("blocks of a point", f"{study.repeats:,} at most"),
        ("a point ends at", _pairs(stop)),
        ("seed", str(study.seed)),
    ]
    told += [(f"set {path}", json.dumps(value)) for path, value in study.model.set.items()]
    return [(name, text) for name, text in told if text]


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {number(value)}" for name, value in values.items())


def _failures(points: Sequence[Point]) -> dict[str, Any] | None:
    failed = [
        (place, block, text)
        for place, point in enumerate(points)
        for block, text in point.errors.items()
    ]
    if not failed:
        return None
    scales = axis_scales(points)
    rows = [
        [
            Cell(str(place), look="number"),
            Cell(place_of(points[place], scales)),
            Cell(str(block), look="number"),
            Cell(text),
        ]
        for place, block, text in failed[:_MOST_FAILURES]
    ]
    few = f" The first {_MOST_FAILURES} are shown." if len(failed) > _MOST_FAILURES else ""
    note = f"No figure holds failed blocks. Of the points shown, failed: {len(failed):,}.{few}"
    return {"note": note, "table": Table(["#", "point", "block", "error"], rows)}


def _ids(points: Sequence[Point]) -> Table:
    rows = [
        [Cell(str(place), look="number"), Cell(point.task.strong_id, look="code")]
        for place, point in enumerate(points)
    ]
    return Table(["#", "id"], rows)


def _machine() -> list[tuple[str, str]]:
    import numpy as np

    import qnetsim

    here = (
        f"qnetsim {qnetsim.__version__}, Python {platform.python_version()}, numpy {np.__version__}"
    )
    return [("closed forms and this page", here)]
