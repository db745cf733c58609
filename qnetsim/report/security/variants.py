"""The review's protocol variants: key rates against error rate and detection efficiency.

Rates are asymptotic and in bits a key round, before sifting; they hold against collective attacks
and, by entropy accumulation, general ones. The error rate is that of a depolarised maximally
entangled pair, tested at the best angles; the efficiency is that of either party's detectors on a
pure pair, its state and all angles optimised for each rate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.report.security.curves import NAMES, Curve, Mark, draw_curves
from qnetsim.report.style import new_figure
from qnetsim.security.asymmetric import asymmetric_deficit
from qnetsim.security.information import TSIRELSON, FloatArray, binary_entropy
from qnetsim.security.rates import (
    chsh_key_rate,
    error_deficit,
    key_rate,
    two_basis_key_rate,
)
from qnetsim.security.search import maximised
from qnetsim.security.thresholds import Bound, threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOWEST = 1e-4
_WORST_ERROR = 0.1
_TOWARDS_END = 1 - np.linspace(1.0, 0.0, 121) ** 3
_RATES = np.geomspace(_LOWEST, 0.8, 13)
_FEW_RATES = _RATES[::2]
_NEARLY_NONE = 1e-6
_NONE = np.zeros(1)
_FLIPS = np.append(np.linspace(0.0, 0.09, 10), np.linspace(0.1, 0.48, 20))
_FEW_FLIPS = (0.0, 0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.45)
_RATE_LABEL = "secret bits a key round"
_NOISE = " + noise"
_ONE_BASIS: tuple[Bound, Bound] = "chsh", "asymmetric"
_NOISE_MARKS = (
    [Mark(0.071, "7.1 %"), Mark(0.0742, "7.42 %"), Mark(0.0808, "8.08 %"), Mark(0.0834, "8.34 %")],
    [Mark(0.803, "80.3 %"), Mark(0.826, "82.6 %"), Mark(0.909, "90.9 %"), Mark(0.924, "92.4 %")],
)
_BASIS_MARKS = (
    [Mark(0.071, "7.1 %"), Mark(0.082, "8.2 %")],
    [Mark(0.826, "82.6 %")],
)


class Detected(NamedTuple):
    """How a lossy test is played.

    Attributes:
        keep_no_clicks: whether Bob keeps key rounds without a click apart.
        state_angle: of the pair, pi/4 being maximally entangled; ``None`` for the best.
    """

    keep_no_clicks: bool = True
    state_angle: float | None = None

    @property
    def label(self) -> str:
        """What the legend adds."""
        state = "" if self.state_angle is None else ", maximally entangled"
        return state + ("" if self.keep_no_clicks else ", no click is +1")

    @property
    def style(self) -> str:
        """Of the line."""
        if self.state_angle is None:
            return "-"
        return "-." if self.keep_no_clicks else ":"


def draw_noise() -> Figure:
    """Returns review figure 3a: what noisy preprocessing adds to one key basis."""
    left = [error_rate_curve(bound, noisy) for bound in _ONE_BASIS for noisy in (False, True)]
    right = [
        efficiency_curve("chsh", Detected(False, math.pi / 4), _RATES),
        efficiency_curve("chsh", Detected(True, math.pi / 4), _RATES),
        efficiency_curve("chsh", Detected(), _RATES),
        efficiency_curve("chsh", Detected(), _RATES, noisy=True),
        efficiency_curve("biased", Detected(), _FEW_RATES, noisy=True),
    ]
    return _drawn("Noisy preprocessing (after review figure 3a)", left, right, _NOISE_MARKS)


def draw_two_bases() -> Figure:
    """Returns review figure 3b: what a second key basis adds to one."""
    bounds: tuple[Bound, Bound] = "chsh", "two-basis"
    left = [error_rate_curve(bound, noisy) for bound in bounds for noisy in (False, True)]
    right = [
        efficiency_curve(bound, Detected(), _RATES, noisy)
        for bound in bounds
        for noisy in (False, True)
    ]
    return _drawn("Random key basis (after review figure 3b)", left, right, _BASIS_MARKS)


def error_rate_curve(bound: Bound, noisy: bool) -> Curve:
    """Returns the key rate against the error rate Q.

    Args:
        bound: "chsh", "asymmetric" or "two-basis".
        noisy: whether noise is added, at each Q the best of a list.
    """
    flips = _FLIPS if noisy else _NONE
    end = threshold(bound, "qber", _NEARLY_NONE, flip=float(flips[-1])).value
    errors = end * _TOWARDS_END
    rates = _rate_at(bound, errors, flips[:, None]).max(axis=0)
    return Curve(NAMES[bound] + _NOISE * noisy, errors, rates, bound, "--" if noisy else "-")


def efficiency_curve(
    bound: Bound, detected: Detected, rates: FloatArray, noisy: bool = False
) -> Curve:
    """Returns the key rate against the detection efficiency, found as its inverse.

    Args:
        bound: one of ``thresholds.BOUNDS``.
        detected: what is done of missing clicks, and the state.
        rates: in bits a key round.
        noisy: whether noise is added: as much as is best for one basis at that rate. Any noise
            gives a valid rate by any bound.
    """
    used = [_best_flip(float(rate)) if noisy else 0.0 for rate in rates]
    found = [
        _threshold(bound, float(rate), flip, detected)
        for rate, flip in zip(rates, used, strict=True)
    ]
    label = NAMES[bound] + detected.label + _NOISE * noisy
    return Curve(label, np.array(found), rates, bound, "--" if noisy else detected.style)


def _rate_at(bound: Bound, errors: FloatArray, flip: FloatArray) -> FloatArray:
    s = TSIRELSON * (1 - 2 * errors)
    if bound == "two-basis":
        return two_basis_key_rate(s, errors, errors, 1.0, flip)
    if bound == "chsh":
        return chsh_key_rate(s, errors, 1.0, flip)
    flip, errors = np.broadcast_arrays(flip, errors)

    def at(alpha: FloatArray) -> FloatArray:
        eve = asymmetric_deficit((1 - 2 * errors) * 2 * np.sqrt(1 + alpha**2), alpha, flip)
        return key_rate(eve, error_deficit(errors, flip), 1.0, flip)

    ones = np.ones(errors.shape)
    return at(maximised(at, 0.3 * ones, ones, steps=20))


@lru_cache
def _best_flip(rate: float) -> float:
    """The noise with which one basis needs the least efficiency for a rate."""
    possible = [q for q in _FEW_FLIPS if rate < 1 - binary_entropy(q)]
    return min(possible, key=lambda flip: _threshold("chsh", rate, flip, Detected()))


def _threshold(bound: Bound, rate: float, flip: float, detected: Detected) -> float:
    """The efficiency that a rate needs, in bits a key round."""
    return threshold(
        bound,
        "eta",
        rate / (1 - 2 * flip) ** 2,
        flip=flip,
        keep_no_clicks=detected.keep_no_clicks,
        state_angle=detected.state_angle,
    ).value


def _drawn(
    title: str,
    left: Sequence[Curve],
    right: Sequence[Curve],
    marks: tuple[Sequence[Mark], Sequence[Mark]],
) -> Figure:
    figure, (by_error, by_efficiency) = new_figure(10.5, 4.6, ncols=2)
    draw_curves(by_error, left, marks[0], _LOWEST, _RATE_LABEL)
    draw_curves(by_efficiency, right, marks[1], _LOWEST, _RATE_LABEL)
    by_error.set(xlabel="error rate Q of the key", xlim=(0, _WORST_ERROR))
    by_efficiency.set(xlabel="detection efficiency of either party", xlim=(0.795, 1.0))
    by_error.legend(frameon=False, fontsize="small", loc="lower left")
    by_efficiency.legend(frameon=False, fontsize="small", loc="upper left")
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    return figure
