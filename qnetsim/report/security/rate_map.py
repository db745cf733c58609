"""Key rate in the plane of S and Q, where it ends, and the experiments in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.report.security.curves import COLOURS, NAMES
from qnetsim.report.security.published import EXPERIMENTS
from qnetsim.report.style import PUBLISHED, new_figure, tidy
from qnetsim.security.chsh import chsh_deficit
from qnetsim.security.information import TSIRELSON, FloatArray
from qnetsim.security.rates import error_deficit
from qnetsim.security.two_basis import two_basis_deficit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_S = np.linspace(2.0, TSIRELSON, 161)
_Q = np.linspace(0.0, 0.13, 131)
_LEVELS = np.linspace(0.0, 1.0, 11)
_FLIPS = np.linspace(0.0, 0.5, 11)
_DEFICITS = {"chsh": chsh_deficit, "two-basis": two_basis_deficit}


def normalised_rates(bound: str, flips: ArrayLike) -> FloatArray:
    """Returns the most of rate/(1 - 2q)^2 in bits a key round on the map's grid, shape (Q, S).

    Its sign says whether there is a key, and it keeps its digits where the rate vanishes.

    Args:
        bound: "chsh" or "two-basis".
        flips: q, the amounts of noise to choose from.
    """
    each = [error_deficit(_Q[:, None], q) - _DEFICITS[bound](_S, q) for q in np.atleast_1d(flips)]
    most: FloatArray = np.max(each, axis=0)
    return most


def draw_rate_map() -> Figure:
    """Returns the picture: two bases in colour, the zero contours of one and two bases."""
    figure, axes = new_figure(8.0, 5.0)
    filled = axes.contourf(_S, _Q, normalised_rates("two-basis", 0.0), _LEVELS, cmap="Blues")
    bar = figure.colorbar(filled, ax=axes, label="two bases: secret bits a key round")
    bar.outline.set_visible(False)
    for bound in _DEFICITS:
        for flips, style in ((0.0, "-"), (_FLIPS, "--")):
            zero = normalised_rates(bound, flips)
            look = {"colors": [COLOURS[bound]], "linestyles": [style], "linewidths": 1.5}
            axes.contour(_S, _Q, zero, [0.0], **look)
            label = f"no key above: {NAMES[bound]}" + ("" if style == "-" else " + noise")
            axes.plot([], [], color=COLOURS[bound], ls=style, label=label)
    axes.plot(TSIRELSON * (1 - 2 * _Q), _Q, color="black", ls=":", lw=1, label="depolarised pairs")
    _experiments(axes)
    axes.set(xlabel="CHSH value S", ylabel="error rate Q of the key", xlim=(_S[0], _S[-1]))
    axes.set_ylim(_Q[0], _Q[-1])
    figure.legend(frameon=False, fontsize="small", loc="outside lower center", ncols=3)
    axes.set_title("Key rate against S and Q", fontsize="medium", loc="left")
    tidy(axes)
    return figure


def _experiments(axes: Any) -> None:
    for one in EXPERIMENTS:
        axes.errorbar(
            one.s, one.q, xerr=one.s_stderr or None, yerr=one.q_stderr or None,
            fmt="D", ms=5, capsize=2, color=PUBLISHED,
        )  # fmt: skip
        axes.annotate(
            one.name,
            (one.s, one.q),
            (-7, 6),
            textcoords="offset points",
            ha="right",
            fontsize="small",
        )
