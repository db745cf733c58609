"""How a result shows itself: simulated, expected and published figures side by side."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import Group


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


class Section(NamedTuple):
    """A table: a title, headings and lines of text."""

    title: str
    headings: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


_MOST_DECIMALS = 10
_PROSE = ("source", "verdict", "why")
_SIDES = ("simulated", "closed form", "published")

_QUANTITIES: tuple[tuple[str, str, str], ...] = (
    ("sim_time_s", "simulated time (s)", "g"),
    ("wall_time_s", "wall time (s)", ".3g"),
    ("attempts", "attempts", "d"),
    ("heralds", "heralds", "d"),
    ("heralds_missed", "heralds missed by a node", "d"),
    ("herald_rate_hz", "heralds a second", ".5g"),
    ("wait_s", "wait for a herald (s)", ".4g"),
    ("herald_probability", "heralds an attempt", ".4g"),
    ("attempting", "duty cycle", ".4f"),
    ("rounds", "rounds", "d"),
    ("chsh_s", "CHSH value S", ".3f"),
    ("qber", "error rate Q", ".4f"),
    ("qber_0", "  first key pair", ".4f"),
    ("qber_1", "  second key pair", ".4f"),
    ("kept_key_rounds", "key rounds kept, p_V", ".6f"),
    ("conditional_entropy_bits", "H(A|B) of kept key rounds", ".6f"),
    ("eve_entropy_bits", "H(A|E) of them, certified", ".6f"),
    ("heralded_fidelity", "fidelity at herald", ".4f"),
    ("state_fidelity", "fidelity at readout", ".4f"),
    ("published_formula_fidelity", "F from visibilities", ".4f"),
    ("key_rate_bits_per_round", "secret bits a round", ".4g"),
    ("key_rate_bits_per_s", "secret bits a second", ".3g"),
    ("key_length_bits", "key of a finite block (bits)", "d"),
)


class Shown:
    """A result that shows itself in a terminal and in a notebook.

    Attributes:
        published: figures of a publication by the keys of ``summary``.
    """

    published: dict[str, Published]

    def summary(self) -> dict[str, Any]:
        """Returns its figures under the documented keys of ``qnetsim run --json``."""
        raise NotImplementedError

    def _title(self) -> str:
        raise NotImplementedError

    def __rich__(self) -> Group:
        """Returns the tables that a terminal shows."""
        return rich_view(self._title(), sections(self.summary(), self.published))

    def _repr_html_(self) -> str:
        return html_view(self._title(), sections(self.summary(), self.published))


def sections(summary: Mapping[str, Any], published: Mapping[str, Published]) -> list[Section]:
    """Returns the tables that show a result.

    Args:
        summary: the figures of ``Result.summary``.
        published: figures by the same keys; ``correlators.XY`` for a correlator.
    """
    return [
        _figures(summary, published),
        _correlators(summary["correlators"], published),
        _causes(summary["heralds_by_cause"], summary["heralds"] or 0),
        _array(summary.get("array")),
        _state(summary.get("heralded_state", {})),
        _activities(summary["duty_cycle"]["nodes"]),
        _worth(summary),
        key_length_section(summary.get("key_length")),
    ]


def _figures(summary: Mapping[str, Any], published: Mapping[str, Published]) -> Section:
    attempts, heralds = summary["attempts"], summary["heralds"]
    figures = {
        **summary,
        "heralds_missed": summary.get("heralds_missed") or None,
        "attempting": summary["duty_cycle"]["attempting"],
        "expected_attempting": summary["expected_duty_cycle"],
        "herald_probability": heralds / attempts if attempts and heralds is not None else None,
        # What is modelled and not observed stands in the closed form's column.
        "expected_state_fidelity": summary.get("state_fidelity"),
        "expected_published_formula_fidelity": summary.get("published_formula_fidelity"),
        "state_fidelity": None,
        "published_formula_fidelity": None,
    }
    rows = []
    for key, label, form in _QUANTITIES:
        paper = published.get("duty_cycle" if key == "attempting" else key)
        stderr = figures.get(f"{key}_stderr")
        fine = _finer(form, stderr)
        rows.append(
            (
                label,
                _number(figures.get(key), stderr, fine),
                _number(figures.get(f"expected_{key}"), None, fine),
                _number(paper.value, paper.stderr, "g" if form == "d" else form) if paper else "",
                paper.source if paper else "",
            )
        )
    known = [row for row in rows if any(row[1:])]
    return Section("standard errors in parentheses", ("quantity", *_SIDES, "source"), known)


def _correlators(
    correlators: Mapping[str, Mapping[str, Any]], published: Mapping[str, Published]
) -> Section:
    rows = []
    for settings, observed in correlators.items():
        paper = published.get(f"correlators.{settings}")
        values = (observed["value"], observed["expected"], paper.value if paper else None)
        fine = _finer("+.3f", observed["stderr"])
        rows.append(
            (
                f"X={settings[0]} Y={settings[1]}",
                _number(observed["value"], observed["stderr"], fine),
                _number(observed["expected"], None, fine),
                _number(paper.value, paper.stderr, "+.3f") if paper else "",
                *(
                    _number(None if v is None else (1 + v) / 2, None, fine.removeprefix("+"))
                    for v in values
                ),
            )
        )
    title = "correlators E, and probabilities P of equal outcomes"
    headings = ("settings", "E", "E closed", "E publ.", "P", "P closed", "P publ.")
    return Section(title, headings, rows)


def _worth(summary: Mapping[str, Any]) -> Section:
    rows = []
    if summary.get("attacks"):
        rows = [("bound", summary["bound"]), ("attacks", summary["attacks"])]
        rows += assumed("assumes", summary["assumptions"])
    return Section("what the secret bits a round are worth", ("", "why"), rows)


def assumed(word: str, texts: Sequence[str]) -> list[tuple[str, str]]:
    """Returns rows of assumptions, a word before the first."""
    return [("" if number else word, text) for number, text in enumerate(texts)]


def key_length_section(key: Mapping[str, Any] | None) -> Section:
    """Returns the table of a finite block's key, empty without one.

    Args:
        key: what ``KeyLength.summary`` says of it.
    """
    rows = []
    title = "key of a finite block"
    if key is not None:
        rows = [(t["name"], f"{round(t['bits']):,}", t["pays_for"]) for t in key["terms"]]
        total = sum(term["bits"] for term in key["terms"])
        rows.append(("sum", f"{round(total):,}", "the key, if above 0; no key at all if not"))
        rows.append(("failure", "", f"eps_sound = {key['epsilons']['eps_sound']:.3g}"))
        rows += [(word, "", text) for word, text in assumed("assumes", key["assumptions"])]
        title += f" of {key['rounds']:,} rounds, {key['attacks']} attacks"
    return Section(title, ("term", "bits", "why"), rows)


def _causes(causes: Mapping[str, Mapping[str, float | None]], heralds: int) -> Section:
    rows = [
        (
            cause,
            _number(entry["heralds"], None, "d"),
            _number((entry["heralds"] or 0) / heralds if heralds else None, None, ".4g"),
            _number(entry["expected_share"], None, ".4g"),
        )
        for cause, entry in causes.items()
    ]
    headings = ("cause", "heralds", "share", "closed form")
    return Section("what made the station herald", headings, rows)


_OF_ARRAYS = (
    ("slots", "slots of a node, the one that needs more", "d"),
    ("lanes", "of them attempt at once, at most", "d"),
    ("busy_lanes", "and on average", ".4g"),
    ("spacing_s", "from attempt to attempt (s), at least", ".4g"),
    ("round_trip_s", "an attempt's round trip (s)", ".4g"),
    ("round_s", "a herald's delay of its slots (s)", ".4g"),
    ("law_rate_hz", "heralds a second, if nothing were lost", ".5g"),
)
_TURNS = (
    ("attempts", "attempts"),
    ("busy", "no slots free: read out, reloaded, announced"),
    ("cooling", "cooling"),
)


def _array(array: Mapping[str, Any] | None) -> Section:
    rows: list[tuple[str, ...]] = []
    if array is not None:
        counts = array["counts"]
        rows = [
            (label, _number(array[key], None, form), array["spacing_by"] or "")
            if key == "spacing_s"
            else (label, _number(array[key], None, form), "")
            for key, label, form in _OF_ARRAYS
        ]
        total = counts["total"]
        for key, label in _TURNS:
            rows.append((f"turns: {label}", f"{counts[key]}", f"{counts[key] / max(1, total):.4g}"))
        if counts["blocked"]:
            rows.append(("attempts that found no measurement free", f"{counts['blocked']}", ""))
        if counts["heralds_blinded"]:
            rows.append(("heralds that blind detectors missed", f"{counts['heralds_blinded']}", ""))
    return Section("array of slots", ("quantity", "value", "why, or share"), rows)


def _state(shares: Mapping[str, Mapping[str, float | None]]) -> Section:
    rows = [
        (name, *(_number(entry[key], None, ".4g") for key in ("share", "expected_share")))
        for name, entry in shares.items()
    ]
    title = "Bell states behind a herald"
    return Section(title, ("state", "share", "closed form"), rows)


def _activities(nodes: Mapping[str, Mapping[str, float]]) -> Section:
    activities = list(dict.fromkeys(name for shares in nodes.values() for name in shares))
    rows = [
        (activity, *(_number(shares.get(activity), None, ".3g") for shares in nodes.values()))
        for activity in activities
    ]
    return Section("share of each node's time", ("activity", *nodes), rows)


def _number(value: float | None, stderr: float | None, form: str) -> str:
    if value is None:
        return ""
    text = format(value, form)
    return f"{text} ({stderr:.2g})" if stderr else text


def _finer(form: str, stderr: float | None) -> str:
    """Returns a fixed-point form with decimals for two digits of a standard error.

    Beyond ten decimals that is rounding, not an error: the form stays.
    """
    if not stderr or not form.endswith("f"):
        return form
    sign, _, decimals = form.removesuffix("f").rpartition(".")
    wanted = 1 - math.floor(math.log10(stderr))
    return f"{sign}.{wanted}f" if int(decimals) < wanted <= _MOST_DECIMALS else form


def rich_view(title: str, tables: Sequence[Section]) -> Group:
    """Returns the tables for a terminal; empty ones and empty columns are left out."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table
    from rich.text import Text

    shown: list[Any] = [Text(title, style="bold")]
    for section in tables:
        if not section.rows:
            continue
        table = Table(
            title=escape(section.title),
            title_justify="left",
            box=SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            pad_edge=False,
            show_edge=False,
        )
        kept = _columns(section)
        for column in kept:
            prose = section.headings[column] in _PROSE
            numeric = 0 < column < len(section.headings) and not prose
            justify: Any = "right" if numeric else "left"
            widest = max(len(row[column]) for row in section.rows) if numeric else None
            table.add_column(
                section.headings[column], justify=justify, overflow="fold", min_width=widest
            )
        for row in section.rows:
            table.add_row(*(escape(row[column]) for column in kept))
        shown += [Text(""), table]
    return Group(*shown)


def html_view(title: str, tables: Sequence[Section]) -> str:
    """Returns the tables as HTML for a notebook."""
    parts = [f"<h4>{html.escape(title)}</h4>"]
    for section in tables:
        if not section.rows:
            continue
        kept = _columns(section)
        head = "".join(f"<th>{html.escape(section.headings[column])}</th>" for column in kept)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(row[column])}</td>" for column in kept) + "</tr>"
            for row in section.rows
        )
        caption = f"<caption>{html.escape(section.title)}</caption>" if section.title else ""
        parts.append(f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "".join(parts)


def _columns(section: Section) -> list[int]:
    columns = range(len(section.headings))
    return [k for k in columns if any(row[k] for row in section.rows)]
