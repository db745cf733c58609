"""How qnetsim's pictures look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIMULATED, PUBLISHED, CLOSED, LIMIT = "#1b6ca8", "#c1440e", "#444444", "#7a9a01"


def new_figure(width_in: float = 7.0, height_in: float = 4.2, **panels: Any) -> tuple[Figure, Any]:
    """Returns a figure that draws without a screen, and its axes.

    Args:
        width_in: its width in inches.
        height_in: its height in inches.
        **panels: arguments of ``Figure.subplots``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    return figure, figure.subplots(**panels)


def tidy(axes: Any) -> None:
    """Removes what carries no information from axes."""
    axes.spines[["top", "right"]].set_visible(False)
