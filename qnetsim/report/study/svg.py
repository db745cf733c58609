"""Figures as SVG that stands in a page: its text is text, its colours are the page's."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

INK, MUTED = "#0a0a01", "#0a0a02"
"""Stand-ins for the page's colours of text and of lines that matter less."""

_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def svg_of(draw: Callable[[], Figure], key: str, label: str, colours: Mapping[str, str]) -> str:
    """Returns a figure as an SVG element as wide as what it stands in.

    The same figure gives the same text. It refers to nothing outside, and to no name that another
    element of the page has.

    Args:
        draw: makes the figure.
        key: begins its names; a word that no other figure of the page has.
        label: what the figure shows, for those who cannot see it.
        colours: the page's variable for each colour, ``#rrggbb``, of the figure.
    """
    from matplotlib import rc_context

    with rc_context({**_LOOK, "svg.hashsalt": key}):
        file = io.StringIO()
        draw().savefig(file, format="svg", metadata={"Date": None})
    return _embedded(file.getvalue(), key, label, {INK: "--ink", MUTED: "--muted", **colours})


def _embedded(text: str, key: str, label: str, colours: Mapping[str, str]) -> str:
    from markupsafe import escape

    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*<style[^>]*>.*?</style>", "", text, flags=re.DOTALL)
    for colour, variable in colours.items():
        text = text.replace(colour, f"var({variable})")
    text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
    used = set(re.findall(r"#([\w-]+)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{key}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(href="|url\()#', rf"\1#{key}-", text)
    box = re.search(r'viewBox="([^"]+)"', text)
    assert box is not None
    head = f'<svg role="img" aria-label="{escape(label)}" viewBox="{box[1]}">'
    body = text[text.index(">", text.index("<svg")) + 1 :]
    return head + re.sub(r">\s+<", "><", body).strip()
