"""How a result shows itself: simulated, expected and published figures side by side."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.table import Table


class Published(NamedTuple):
    """A figure in a publication.

    Attributes:
        value: the figure.
        stderr: its printed standard error, or ``None``.
        source: where it stands.
    """

    value: float
    stderr: float | None
    source: str


class Row(NamedTuple):
    """A line of the table, as text."""

    quantity: str
    simulated: str
    expected: str
    published: str
    source: str


_HEADINGS = Row("quantity", "simulated", "closed form", "published", "source")

_QUANTITIES: tuple[tuple[str, str, str], ...] = (
    ("sim_time_s", "simulated time (s)", "g"),
    ("wall_time_s", "wall time (s)", ".3g"),
    ("attempts", "attempts", "d"),
    ("heralds", "heralds", "d"),
    ("herald_rate_hz", "heralds per second", ".5g"),
    ("herald_probability", "heralds per attempt", ".4g"),
    ("duty_cycle", "duty cycle", ".4f"),
    ("rounds", "rounds", "d"),
    ("chsh_s", "CHSH value S", ".3f"),
    ("qber", "error rate Q", ".4f"),
    ("qber_0", "  first key pair", ".4f"),
    ("qber_1", "  second key pair", ".4f"),
    ("state_fidelity", "two-qubit state fidelity", ".4f"),
    ("published_formula_fidelity", "fidelity from visibilities", ".4f"),
    ("key_rate_bits_per_round", "secret bits per round", ".4f"),
    ("key_rate_bits_per_s", "secret bits per second", ".3g"),
)
_MODELLED = ("state_fidelity", "published_formula_fidelity")


def comparison(summary: Mapping[str, Any], published: Mapping[str, Published]) -> list[Row]:
    """Returns the lines of the table.

    Args:
        summary: the figures of ``Result.summary``.
        published: figures by the same keys; ``correlators.XY`` for a correlator.
    """
    figures = dict(summary)
    figures["herald_probability"] = (
        summary["heralds"] / summary["attempts"] if summary["attempts"] else None
    )
    figures["duty_cycle"] = summary["duty_cycle"]["attempting"]
    for key in _MODELLED:
        figures[f"expected_{key}"] = figures.pop(key)
    rows = [
        _row(label, key, figures, published, form)
        for key, label, form in _QUANTITIES
        if key in figures or f"expected_{key}" in figures
    ]
    for settings, correlator in summary["correlators"].items():
        key = f"correlators.{settings}"
        flat = {
            key: correlator["value"],
            f"{key}_stderr": correlator["stderr"],
            f"expected_{key}": correlator["expected"],
        }
        label = f"E{settings}, P(a=b) = (1+E)/2"
        row = _row(label, key, flat, published, ".3f")
        rows.append(row._replace(**_with_probabilities(row, flat, published.get(key))))
    for node, shares in summary["duty_cycle"]["nodes"].items():
        text = ", ".join(f"{activity} {share:.3g}" for activity, share in shares.items())
        rows.append(Row(f"time of {node}", text, "", "", ""))
    return rows


def _row(
    label: str,
    key: str,
    figures: Mapping[str, Any],
    published: Mapping[str, Published],
    form: str,
) -> Row:
    paper = published.get(key)
    return Row(
        label,
        _number(figures.get(key), figures.get(f"{key}_stderr"), form),
        _number(figures.get(f"expected_{key}"), None, form),
        _number(paper.value, paper.stderr, form if form != "d" else "g") if paper else "",
        paper.source if paper else "",
    )


def _with_probabilities(
    row: Row, figures: Mapping[str, Any], paper: Published | None
) -> dict[str, str]:
    """Returns a correlator's columns with the probability of equal outcomes behind each."""
    key = next(iter(figures))
    values = {
        "simulated": figures[key],
        "expected": figures[f"expected_{key}"],
        "published": paper.value if paper else None,
    }
    return {
        column: f"{getattr(row, column)}, {(1 + value) / 2:.3f}"
        for column, value in values.items()
        if value is not None
    }


def _number(value: float | None, stderr: float | None, form: str) -> str:
    if value is None:
        return ""
    text = format(value, form)
    return f"{text} +- {stderr:.2g}" if stderr else text


def rich_table(title: str, rows: list[Row]) -> Table:
    """Returns the lines as a table for a terminal; columns without an entry are left out."""
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    kept = _columns(rows)
    for column in kept:
        table.add_column(_HEADINGS[column], overflow="fold")
    for row in rows:
        table.add_row(*(row[column] for column in kept))
    return table


def html_table(title: str, rows: list[Row]) -> str:
    """Returns the lines as an HTML table for a notebook."""
    kept = _columns(rows)
    head = "".join(f"<th>{_HEADINGS[column]}</th>" for column in kept)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(row[column])}</td>" for column in kept) + "</tr>"
        for row in rows
    )
    caption = html.escape(title)
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _columns(rows: list[Row]) -> list[int]:
    return [k for k in range(len(_HEADINGS)) if any(row[k] for row in rows)]
