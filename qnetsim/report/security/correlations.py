"""What a link's parties see at each pair of settings: closed form, simulated, published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from qnetsim.display import Published
from qnetsim.report.style import CLOSED, PUBLISHED, SIMULATED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ASIDE = 0.14


class Seen(NamedTuple):
    """A figure of a pair of settings.

    Attributes:
        name: the settings.
        expected: in closed form, ``None`` where there is none.
        simulated: value and standard error, ``None`` where nothing was seen.
        published: what is printed, or ``None``.
    """

    name: str
    expected: float | None
    simulated: tuple[float, float] | None
    published: Published | None


def correlators_of(summary: Mapping[str, Any], published: Mapping[str, Published]) -> list[Seen]:
    """Returns the correlator of each pair of settings.

    Args:
        summary: figures under the keys of ``qnetsim run --json``.
        published: figures of a publication by the same keys.
    """
    return [
        Seen(
            name,
            one["expected"],
            (one["value"], one["stderr"]),
            published.get(f"correlators.{name}"),
        )
        for name, one in summary["correlators"].items()
    ]


def error_rates_of(
    summary: Mapping[str, Any],
    published: Mapping[str, Published],
    key_pairs: Sequence[tuple[int, int]],
) -> list[Seen]:
    """Returns the error rate of each pair of key settings.

    Args:
        summary: figures under the keys of ``qnetsim run --json``.
        published: figures of a publication by the same keys.
        key_pairs: the settings.
    """
    rows = []
    for number, (x, y) in enumerate(key_pairs):
        key = f"qber_{number}"
        value = summary.get(key)
        simulated = None if value is None else (value, summary[f"{key}_stderr"])
        printed = published.get(key) or (published.get("qber") if len(key_pairs) == 1 else None)
        rows.append(Seen(f"{x}{y}", summary.get(f"expected_{key}"), simulated, printed))
    return rows


def draw_correlations(
    title: str,
    summary: Mapping[str, Any],
    published: Mapping[str, Published],
    key_pairs: Sequence[tuple[int, int]],
) -> Figure:
    """Returns the picture.

    Args:
        title: of the picture.
        summary: figures under the keys of ``qnetsim run --json``.
        published: figures of a publication by the same keys.
        key_pairs: the settings that make key.
    """
    figure, (left, right) = new_figure(10.5, 4.4, ncols=2, width_ratios=[3, 1.3])
    _draw(left, correlators_of(summary, published))
    left.axhline(0, color="black", lw=0.6)
    left.set(ylabel="correlator E", ylim=(-1.05, 1.05), title="")
    left.legend(frameon=False, fontsize="small", loc="upper left")
    _draw(right, error_rates_of(summary, published, key_pairs))
    right.set(ylabel="error rate Q of the key")
    right.set_ylim(bottom=0)
    left.set_title(_chsh_line(summary, published), fontsize="small", loc="left")
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    return figure


def _draw(axes: Any, rows: Sequence[Seen]) -> None:
    place = np.arange(len(rows))
    expected = [np.nan if row.expected is None else row.expected for row in rows]
    axes.bar(place, expected, color="#dddddd", edgecolor=CLOSED, lw=0.6, label="closed form")
    simulated = [(k, *row.simulated) for k, row in enumerate(rows) if row.simulated]
    printed = [
        (k, row.published.value, row.published.stderr or 0.0)
        for k, row in enumerate(rows)
        if row.published
    ]
    for points, aside, look in (
        (simulated, -_ASIDE, {"fmt": "o", "color": SIMULATED, "label": "simulated"}),
        (printed, _ASIDE, {"fmt": "D", "color": PUBLISHED, "label": "published"}),
    ):
        if points:
            at, values, errors = np.array(points, dtype=float).T
            axes.errorbar(at + aside, values, errors, ms=4, capsize=2, **look)
    axes.set_xticks(place, [row.name for row in rows])
    axes.set_xlabel("settings XY")
    tidy(axes)


def _chsh_line(summary: Mapping[str, Any], published: Mapping[str, Published]) -> str:
    """S and the winning probability 1/2 + S/8 of either kind, in a line."""
    values = {
        "closed form": summary.get("expected_chsh_s"),
        "simulated": summary.get("chsh_s"),
        "published": published["chsh_s"].value if "chsh_s" in published else None,
    }
    known = [f"{name} {s:.3f} ({0.5 + s / 8:.3f})" for name, s in values.items() if s is not None]
    return "S (CHSH games won): " + ", ".join(known)
