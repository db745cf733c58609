"""Curves of key rates, and how a bound looks in every picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from qnetsim.report.style import PUBLISHED, tidy
from qnetsim.security.information import FloatArray

COLOURS = {"chsh": "#444444", "asymmetric": "#1b6ca8", "two-basis": "#7a9a01", "biased": "#8e4585"}
NAMES = {
    "chsh": "one basis, S",
    "asymmetric": "one basis, both halves of S",
    "two-basis": "two bases, S",
    "biased": "one basis, S and bias",
}


class Curve(NamedTuple):
    """A key rate against something.

    Attributes:
        label: what the legend calls it.
        x: values of the quantity, shape (n,).
        rate: secret bits, shape (n,).
        bound: whose colour it has, a key of ``COLOURS``.
        style: of its line.
    """

    label: str
    x: FloatArray
    rate: FloatArray
    bound: str
    style: str = "-"


class Mark(NamedTuple):
    """A published threshold: where it lies and what it is printed as."""

    x: float
    text: str


def draw_curves(
    axes: Any, curves: Sequence[Curve], marks: Sequence[Mark], lowest: float, label: str
) -> None:
    """Draws rates on a logarithmic scale, and published thresholds at its foot.

    Args:
        axes: where.
        curves: what.
        marks: published thresholds.
        lowest: the foot of the scale.
        label: of the scale.
    """
    for curve in curves:
        axes.plot(
            curve.x,
            curve.rate,
            color=COLOURS[curve.bound],
            ls=curve.style,
            label=curve.label,
            lw=1.3,
        )
    axes.set(yscale="log", ylim=(lowest, 1.5), ylabel=label)
    for mark in marks:
        axes.plot(mark.x, lowest, "^", color=PUBLISHED, ms=7, clip_on=False, zorder=3)
        axes.annotate(
            mark.text, (mark.x, lowest), (0, 8), textcoords="offset points",
            rotation=90, ha="center", va="bottom", fontsize="x-small", color=PUBLISHED,
            bbox={"fc": "white", "ec": "none", "pad": 0.5, "alpha": 0.8},
        )  # fmt: skip
    if marks:
        axes.plot([], [], "^", color=PUBLISHED, label="published threshold")
    tidy(axes)
