"""Post-selected keys of photon pairs without a herald: USTC's table III, and review figure 3c.

What is kept is announced and may tell of earlier rounds: rates hold against collective attacks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.photonic_budget import expected
from qnetsim.photonic_result import PhotonicResult
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.security.curves import Curve, Mark, draw_curves
from qnetsim.report.security.published import (
    POST_SELECTION_THRESHOLD,
    USTC_TABLE,
    USTC_THRESHOLD,
    Distance,
)
from qnetsim.report.style import CLOSED, PUBLISHED, SIMULATED, new_figure, tidy
from qnetsim.security.biased import biased_deficit
from qnetsim.security.information import FloatArray
from qnetsim.security.rates import conditional_deficit, key_rate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Load = Callable[[Sequence[str]], PhotonicScenario]
"""Reads the scenario with changes."""

_LENGTHS_M = np.array([1.0, 20, 40, 60, 80, 120, 160, 200, 220, 260, 300])
_EFFICIENCIES = np.append(np.linspace(0.86, 0.895, 15), np.linspace(0.9, 1.0, 11))
_LOWEST = 1e-7
_FLIPS = np.linspace(0.0, 0.49, 15)
_LOOKS = (("-", "o"), ("--", "s"), ("-.", "v"))
_HEADINGS = ("fibre", "p, p_N", "H(A|E,V), bits", "H(A|B,V), bits", "p_V", "S", "key, bit/s")


class Row(NamedTuple):
    """A distance of the table, in closed form, and what is printed.

    Attributes:
        printed: what USTC prints.
        eve_bits: H(A|E,V), certified.
        bob_bits: H(A|B,V).
        kept: p_V, the share of rounds that both keep.
        s: CHSH value of all rounds.
        rate_bits_per_s: key rate.
    """

    printed: Distance
    eve_bits: float
    bob_bits: float
    kept: float
    s: float
    rate_bits_per_s: float

    def cells(self) -> tuple[str, ...]:
        """Returns the row as text, ours and, behind a stroke, what is printed."""
        one = self.printed
        return (
            f"{one.length_m} m",
            f"{one.kept:g}, {one.flip:g}",
            f"{self.eve_bits:.6f}" + _beside(one.eve_bits, ".6f"),
            f"{self.bob_bits:.6f}" + _beside(one.bob_bits, ".6f"),
            f"{self.kept:.6f}",
            f"{self.s:.6f}",
            f"{self.rate_bits_per_s:.3g}" + _beside(one.rate_bits_per_s, "g"),
        )


def table(load: Load) -> list[Row]:
    """Returns USTC's table III by closed forms and the scenario's certificates.

    Args:
        load: reads ``scenarios/ustc_2022.toml`` with changes.
    """
    return [_row(one, _expected(load(_changes(one, one.length_m)))) for one in USTC_TABLE]


def cells(rows: Sequence[Row]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Returns headings and lines of the table, ours before print."""
    return _HEADINGS, [row.cells() for row in rows]


def draw_table(load: Load) -> Figure:
    """Returns the key rate against distance, and the table below it.

    Args:
        load: reads ``scenarios/ustc_2022.toml`` with changes.
    """
    rows = table(load)
    figure, (axes, below) = new_figure(10.5, 6.0, nrows=2, height_ratios=[3, 1])
    for row, (style, marker) in zip(rows, _LOOKS, strict=True):
        one = row.printed
        found = [_expected(load(_changes(one, length))) for length in _LENGTHS_M]
        shown = [_bits(each) * each.pulse_rate_hz or np.nan for each in found]
        label = f"closed form, p = {one.kept:g}, p_N = {one.flip:g}"
        axes.plot(_LENGTHS_M, shown, color=CLOSED, ls=style, lw=1.1, label=label)
        axes.plot(one.length_m, row.rate_bits_per_s, marker, color=SIMULATED, ms=6)
        axes.plot(one.length_m, one.rate_bits_per_s, marker, color=PUBLISHED, ms=6)
    axes.plot([], [], "o", color=SIMULATED, label="ours at the table's distances")
    axes.plot([], [], "o", color=PUBLISHED, label="printed")
    axes.set(yscale="log", ylim=(0.1, 2e3), xlabel="fibre between the users (m)")
    axes.set(ylabel="secret bits a second", title="")
    axes.legend(frameon=False, fontsize="small", ncols=2, loc="center left")
    axes.set_title(
        "USTC's table III: certified, asymptotic, collective attacks", fontsize="medium", loc="left"
    )
    tidy(axes)
    headings, lines = cells(rows)
    below.axis("off")
    drawn = below.table([list(line) for line in lines], colLabels=list(headings), loc="center",
                        cellLoc="center", edges="horizontal")  # fmt: skip
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(8)
    drawn.scale(1, 1.4)
    below.set_title("ours | printed", fontsize="small", loc="left")
    return figure


def draw_post_selection(load: Load) -> Figure:
    """Returns review figure 3c: key rate against efficiency with and without post-selection.

    Args:
        load: reads ``scenarios/ustc_2022.toml`` with changes.
    """
    figure, axes = new_figure(8.0, 4.8)
    marks = [
        Mark(USTC_THRESHOLD, f"{100 * USTC_THRESHOLD:.1f} %, USTC"),
        Mark(POST_SELECTION_THRESHOLD, f"{100 * POST_SELECTION_THRESHOLD:.1f} %, not reproduced"),
    ]
    draw_curves(axes, post_selection_curves(load), marks, _LOWEST, "secret bits a pulse")
    axes.set(xlabel="efficiency of either arm", xlim=(0.67, 1.0))
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    title = "Random post-selection at USTC's settings, collective attacks (after review figure 3c)"
    axes.set_title(title, fontsize="medium", loc="left")
    return figure


def post_selection_curves(load: Load) -> list[Curve]:
    """Returns key rates a pulse against the efficiency of both arms.

    With post-selection they are proved by the scenario's certificates, each for its p and p_N and
    made near an efficiency of .87; without it by S and the key setting's bias, noise optimised.

    Args:
        load: reads ``scenarios/ustc_2022.toml`` with changes.
    """
    curves = [
        Curve(
            f"p = {one.kept:g}, p_N = {one.flip:g}, certified",
            _EFFICIENCIES,
            np.array([_bits(_expected(load(_at(one, eta)))) or np.nan for eta in _EFFICIENCIES]),
            "chsh",
            style,
        )
        for one, (style, _) in zip(USTC_TABLE, _LOOKS, strict=True)
    ]
    label = "every round kept, S and bias, best noise"
    return [*curves, Curve(label, _EFFICIENCIES, _without_selection(load), "biased")]


def _without_selection(load: Load) -> FloatArray:
    """The key rate a pulse at each efficiency, NaN where there is none."""
    found = [_expected(load(_at(None, eta))) for eta in _EFFICIENCIES]
    keys = np.array([one.law.rounds[one.protocol.key_pairs[0]] for one in found])
    s = np.array([one.expected_chsh for one in found])
    bias = keys.sum(axis=2) @ [1.0, -1.0]
    flips = _FLIPS[:, None]
    deficit = biased_deficit(s, bias, flips)
    rates = key_rate(deficit, conditional_deficit(keys, flips), 1.0, flips).max(axis=0)
    return np.where(rates > 0, rates, np.nan)


def _row(printed: Distance, found: PhotonicResult) -> Row:
    rounds = found.expected_key_rounds
    eve_bits, s = found.expected_eve_entropy_bits, found.expected_chsh
    if rounds is None or eve_bits is None or s is None:
        raise ValueError("the scenario's key is not post-selected and certified")
    return Row(
        printed, eve_bits, rounds.entropy_bits, rounds.kept, s, _bits(found) * found.pulse_rate_hz
    )


def _expected(scenario: PhotonicScenario) -> PhotonicResult:
    model = scenario.model
    return expected(scenario.link(), model.protocol, model.name, scenario.certificate)


def _bits(found: PhotonicResult) -> float:
    return found.expected_key_rate_bits_per_round or 0.0


def _changes(one: Distance, length_m: float) -> list[str]:
    """Changes to the scenario for p, p_N and a length of fibre."""
    return [
        *(f"fibres.{user}.length_m={length_m / 2}" for user in ("alice", "bob")),
        f"protocol.keep_no_click={one.kept}",
        f"protocol.flip_probability={one.flip}",
        f"protocol.certificate=certificates/ustc_2022_{one.length_m}m.npz",
    ]


def _at(one: Distance | None, eta: float) -> list[str]:
    """Changes to the scenario for an efficiency of both arms, without post-selection if None."""
    detectors = [f"{user}.detector.efficiency={eta}" for user in ("alice", "bob")]
    if one is None:
        return [*detectors, "protocol.bound=none"]
    return [*_changes(one, 0.0), *detectors]


def _beside(printed: float | None, form: str) -> str:
    return "" if printed is None else f" | {printed:{form}}"
