"""Thresholds of every bound as a table, beside what is printed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from qnetsim.report.security.curves import NAMES
from qnetsim.report.security.published import POST_SELECTION_THRESHOLD
from qnetsim.report.style import new_figure
from qnetsim.security.thresholds import Bound, Quantity, conference_threshold, threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FLOOR = 1e-8
"""Of rate/(1 - 2q)^2 in bits a key round, at which all thresholds are quoted."""
HEADINGS = ("threshold", "protocol", "ours", "printed", "where")
_KEPT = ", Bob keeps no clicks"
_MAXIMAL = math.pi / 4


class Asked(NamedTuple):
    """A threshold to find, and what is printed of it.

    Attributes:
        bound: its name.
        quantity: "qber" or "eta".
        flip: noise; 1/2 stands for the limit.
        keep: whether Bob keeps key rounds without a click apart.
        angle: of the state, ``None`` for the best.
        printed: as it is printed, empty where nothing is.
        source: who prints it.
    """

    bound: Bound
    quantity: Quantity
    flip: float = 0.0
    keep: bool = False
    angle: float | None = None
    printed: str = ""
    source: str = ""

    @property
    def protocol(self) -> str:
        """What is played, in words."""
        state = ", maximally entangled" if self.angle == _MAXIMAL else ""
        noise = f", noise {self.flip:g}" if self.flip else ""
        return NAMES[self.bound] + state + _KEPT * self.keep + noise


ASKED = (
    Asked("chsh", "qber", printed="7.1 %", source="Acin et al., quant-ph/0702152"),
    Asked("chsh", "qber", 0.5, printed="8.08 %", source="Ho et al., 2005.13015"),
    Asked("asymmetric", "qber", printed="7.42 %", source="Woodhead et al., 2007.16146"),
    Asked("asymmetric", "qber", 0.49, printed="8.34 %", source="Woodhead et al., 2007.16146"),
    Asked("two-basis", "qber", printed="8.2 %", source="Schwonnek et al. 2021, a weaker bound"),
    Asked("two-basis", "qber", 0.5),
    Asked("chsh", "eta", 0.0, False, _MAXIMAL, "92.4 %", "review; no click is a random key bit"),
    Asked("chsh", "eta", 0.0, True, _MAXIMAL, "90.9 %", "review; between two conventions"),
    Asked("chsh", "eta", 0.0, True),
    Asked("chsh", "eta", 0.5, True, None, "82.6 %", "Woodhead et al., 2007.16146"),
    Asked("two-basis", "eta", 0.5, True),
    Asked("biased", "eta", 0.5, True, None, "80.3 %", "Masini et al., 2107.08894"),
)
_PARTIES = (3, 4, 5)
_MEANING = {"qber": "error rate, at most", "eta": "efficiency, at least"}


def rows(asked: Sequence[Asked] = ASKED, parties: Sequence[int] = _PARTIES) -> Iterator[Row]:
    """Yields the lines of the table, the last one what is not reproduced.

    Args:
        asked: thresholds of two parties.
        parties: numbers of parties of a conference key by parity-CHSH.
    """
    for one in asked:
        found = threshold(
            one.bound,
            one.quantity,
            FLOOR,
            flip=one.flip,
            keep_no_clicks=one.keep,
            state_angle=one.angle,
        )
        ours = _percent(found.value)
        yield Row(_MEANING[one.quantity], one.protocol, ours, one.printed, one.source)
    for number in parties:
        value = conference_threshold("parity-chsh", number, FLOOR).value
        yield Row(_MEANING["qber"], f"conference of {number}, parity-CHSH", _percent(value), "", "")
    yield NOT_REPRODUCED


class Row(NamedTuple):
    """A line of the table, as text."""

    meaning: str
    protocol: str
    ours: str
    printed: str
    source: str


NOT_REPRODUCED = Row(
    _MEANING["eta"],
    "random post-selection with noise",
    "not reproduced",
    f"{100 * POST_SELECTION_THRESHOLD:.1f} %",
    "Xu et al., 2110.02701",
)


def draw_thresholds() -> Figure:
    """Returns the table as a picture."""
    lines = [list(row) for row in rows()]
    figure, axes = new_figure(11.0, 0.29 * (len(lines) + 2))
    axes.axis("off")
    drawn = axes.table(
        lines, colLabels=list(HEADINGS), loc="center", cellLoc="left", colLoc="left",
        edges="horizontal", colWidths=[0.16, 0.37, 0.11, 0.09, 0.27],
    )  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(9)
    drawn.scale(1, 1.3)
    title = f"Thresholds, each at rate/(1 - 2q)^2 = {FLOOR:g} bit a key round"
    axes.set_title(title, fontsize="medium", loc="left")
    return figure


def _percent(share: float) -> str:
    return f"{100 * share:.3f} %"
