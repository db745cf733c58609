"""The most noise or loss at which an entropy bound still gives a key, settings optimised.

With noisy preprocessing a threshold is reached only as the rate goes to 0. Hence a threshold is
quoted at a floor R of the normalised rate, rate/(1 - 2q)^2, which keeps a limit as q nears 1/2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from qnetsim.security.asymmetric import asymmetric_deficit
from qnetsim.security.biased import NEVER_STEEPER, biased_deficit
from qnetsim.security.chsh import chsh_deficit
from qnetsim.security.conference import holz_key_rate, parity_chsh_key_rate
from qnetsim.security.hardware import binned, correlator, pair_behaviour
from qnetsim.security.information import FloatArray, within
from qnetsim.security.rates import conditional_deficit, error_deficit
from qnetsim.security.two_basis import two_basis_deficit

Bound = Literal["chsh", "asymmetric", "two-basis", "biased"]
Quantity = Literal["qber", "eta"]
BOUNDS: tuple[Bound, ...] = ("chsh", "asymmetric", "two-basis", "biased")
QUANTITIES: tuple[Quantity, ...] = ("qber", "eta")

SMALLEST_ANGLE = 1e-3
"""Of a state, in rad: nearer to a product the search of settings is lost in rounding."""
_STEP = 1e-5
_BEYOND = 2.0
"""Worse than any threshold."""
_Rate = Callable[[FloatArray, FloatArray], FloatArray]
"""Normalised rate of values of the quantity, shape (n,), and parameters, shape (n, k)."""


class Threshold(NamedTuple):
    """A threshold and where it is reached.

    Attributes:
        value: the largest error rate or the smallest detection efficiency.
        rate_floor: rate/(1 - 2q)^2 there.
        parameters: what was optimised: flip probability, alpha, angles in rad.
        certified: whether the entropy there is proved, as in ``keyrate.KeyRate``.
    """

    value: float
    rate_floor: float
    parameters: dict[str, float]
    certified: bool = True


def threshold(
    bound: Bound,
    quantity: Quantity,
    rate_floor: float,
    *,
    flip: float = 0.0,
    keep_no_clicks: bool = False,
    state_angle: float | None = None,
) -> Threshold:
    """Returns the threshold of a bound, optimised over what the parties can choose.

    For ``qber`` the pair is maximally entangled and depolarised, both parties detect always, and
    the test is at the best angles: Q is the error rate of the raw key before noise. For ``eta``
    the pair is pure, in a state cos t |00> + sin t |11>, and either party detects it with that
    efficiency; the state, both parties' test angles and Bob's for the key are optimised.

    Args:
        bound: one of ``BOUNDS``; their statistics are S, both halves of S, S with key from both of
            Alice's settings, and S with the bias of her key setting.
        quantity: one of ``QUANTITIES``.
        rate_floor: R, at which rate/(1 - 2q)^2 is quoted, per key round; positive.
        flip: q of noisy preprocessing, in [0, 1/2]; 1/2 stands for the limit.
        keep_no_clicks: in key rounds Bob keeps rounds without a click apart; otherwise they count
            as +1. In the test and in Alice's key they always do.
        state_angle: t in rad, to fix the state, in [``SMALLEST_ANGLE``, pi/4]; pi/4 is maximally
            entangled.

    Raises:
        ValueError: an unknown bound or quantity, a flip probability or a state's angle outside its
            range, or no value of the quantity reaches the floor.
    """
    within(flip, 0.0, 0.5, "flip probability")
    if state_angle is not None:
        within(state_angle, SMALLEST_ANGLE, np.pi / 4, "state angle")
    if bound not in BOUNDS or quantity not in QUANTITIES:
        raise ValueError(f"unknown bound or quantity: {bound!r}, {quantity!r}")
    if not rate_floor > 0:
        raise ValueError(f"rate floor ({rate_floor}) must be positive")
    if quantity == "qber":
        return _qber_threshold(bound, rate_floor, flip)
    return _eta_threshold(bound, rate_floor, flip, keep_no_clicks, state_angle)


def best_threshold(
    bound: Bound,
    quantity: Quantity,
    rate_floor: float,
    *,
    keep_no_clicks: bool = False,
    state_angle: float | None = None,
) -> Threshold:
    """Returns ``threshold`` with the best flip probability found.

    At low floors that is the limit 1/2, which is tried first; where less noise is better there, it
    is searched for, the threshold being taken for unimodal. Any flip gives a valid threshold.

    Args:
        bound: as for ``threshold``, like all that follows.
        quantity: what it is of.
        rate_floor: R.
        keep_no_clicks: whether Bob keeps rounds without a click apart.
        state_angle: t in rad, to fix the state.

    Raises:
        ValueError: as ``threshold`` does.
    """
    from scipy.optimize import minimize_scalar

    def found(flip: float) -> Threshold:
        return threshold(
            bound,
            quantity,
            rate_floor,
            flip=float(flip),
            keep_no_clicks=keep_no_clicks,
            state_angle=state_angle,
        )

    tried = [found(0.0)]  # an ideal device reaches more without noise than with any
    sign = -1.0 if quantity == "qber" else 1.0

    def cost(flip: float) -> float:
        try:
            tried.append(found(flip))
        except ValueError:
            return _BEYOND
        return sign * tried[-1].value

    if cost(0.5) >= cost(0.45):
        minimize_scalar(cost, bounds=(0.0, 0.5), method="bounded", options={"xatol": 1e-3})
    return min(tried, key=lambda one: sign * one.value)


def conference_threshold(
    bound: Literal["parity-chsh", "holz"], parties: int, rate_floor: float
) -> Threshold:
    """Returns the largest error rate at which a bound gives a conference key.

    Args:
        bound: its name; Holz's is for three parties.
        parties: N, Alice included.
        rate_floor: R, at which the rate is quoted in bits per GHZ state; positive.

    Raises:
        ValueError: parties is below 2, not 3 for Holz's, or no error rate reaches the floor.
    """
    from scipy.optimize import brentq

    if bound == "holz":
        within(parties, 3, 3, "number of parties")

    def excess(q: float) -> float:
        rate = holz_key_rate(q) if bound == "holz" else parity_chsh_key_rate(q, parties)
        return float(rate) - rate_floor

    if not (rate_floor > 0 and excess(0.0) > 0):
        raise ValueError(f"no error rate reaches the rate floor {rate_floor:g}")
    value = float(brentq(excess, 0.0, 0.25, xtol=1e-12))
    return Threshold(value, rate_floor, {"parties": float(parties)})


def _qber_threshold(bound: Bound, floor: float, flip: float) -> Threshold:
    def rate(error: FloatArray, x: FloatArray) -> FloatArray:
        s, alpha = 1 - 2 * error, np.exp(x[:, 0]) if bound == "asymmetric" else np.ones(len(x))
        s = s * 2 * np.sqrt(1 + alpha**2)
        return error_deficit(error, flip) - _eve(bound, s, alpha, 0 * s, flip)

    names = ["alpha"] if bound == "asymmetric" else []
    value, x = _best(
        rate, np.full(len(names), -0.1), floor, easy=0.0, hard=0.25, last_at_most_0=bool(names)
    )
    alpha = float(np.exp(x[0])) if names else 1.0
    parameters = dict.fromkeys(names, alpha) | {
        "flip": flip,
        "bob_test": float(np.arctan(1 / alpha)),
    }
    return Threshold(value, floor, parameters)  # without bias no ray is too steep


def _eta_threshold(
    bound: Bound, floor: float, flip: float, keep: bool, angle: float | None
) -> Threshold:
    def behaviour(eta: FloatArray, x: FloatArray) -> tuple[FloatArray, dict[str, FloatArray]]:
        p = _parameters(bound, eta, x, angle)
        alice = np.stack([p["alice_0"], p["alice_1"]], axis=-1)
        bob = np.stack([p["bob_0"], p["bob_1"], p["bob_key_0"], p["bob_key_1"]], axis=-1)
        return binned(pair_behaviour(p["state"], alice, bob, 1.0, (eta, eta)), -2), p

    def tested(table: FloatArray, alpha: FloatArray) -> tuple[FloatArray, FloatArray]:
        test = binned(table, -1)
        e = correlator(test)
        s = alpha * (e[:, 0, 0] + e[:, 0, 1]) + e[:, 1, 0] - e[:, 1, 1]
        return s, 2 * test[:, 0, 0, 0].sum(axis=-1) - 1

    def rate(eta: FloatArray, x: FloatArray) -> FloatArray:
        table, p = behaviour(eta, x)
        s, bias = tested(table, p["alpha"])
        key = table if keep else binned(table, -1)
        bob = conditional_deficit(key[:, 0, 2], flip)
        if bound == "two-basis":
            bob = (bob + conditional_deficit(key[:, 1, 3], flip)) / 2
        return bob - _eve(bound, s, p["alpha"], bias, flip)

    start = _ideal(bound, 0.5 if angle is None else angle)
    value, x = _best(rate, start, floor, easy=1.0, hard=0.67, last_at_most_0=bound == "asymmetric")
    table, p = behaviour(np.array([value]), x[None])
    s, bias = (float(one[0]) for one in tested(table, p["alpha"]))
    parameters = {"flip": flip} | {k: float(v[0]) for k, v in p.items()}
    found = Threshold(value, floor, parameters, _is_proved(bound, s, bias, flip))
    if bound == "asymmetric":  # plain CHSH is one of its family, and its search ends elsewhere
        plain = _eta_threshold("chsh", floor, flip, keep, angle)
        return min(found, plain, key=lambda one: one.value)
    return found


def _is_proved(bound: Bound, s: float, bias: float, flip: float) -> bool:
    return bound != "biased" or not flip or s - 2 <= NEVER_STEEPER * (1 - abs(bias))


def _ideal(bound: Bound, angle: float) -> FloatArray:
    """What ``_parameters`` takes, for an ideal test."""
    alice = [-np.pi / 4, np.pi / 4] if bound == "two-basis" else [0.0, np.pi / 2]
    keys = alice if bound == "two-basis" else [0.0]
    alpha = [-0.01][: bound == "asymmetric"]
    return np.array([np.log(angle), *np.array(alice + keys) / np.sqrt(angle), *alpha])


def _parameters(
    bound: Bound, eta: FloatArray, x: FloatArray, angle: float | None
) -> dict[str, FloatArray]:
    """What x stands for: with the state's angle shrink the others, by its root, and 1 - alpha."""
    state = np.exp(x[:, 0]) if angle is None else np.full(len(x), angle)
    scale = np.sqrt(state)
    alice = [x[:, 1] * scale, x[:, 2] * scale]
    alpha = np.exp(state * x[:, -1]) if bound == "asymmetric" else np.ones(len(x))
    # s is affine in (cos b, sin b): its gradient is the best direction of a test setting of Bob's.
    bobs = []
    for first, second in ((alpha, 1.0), (alpha, -1.0)):
        cos = first * np.cos(alice[0]) + second * np.cos(alice[1])
        sin = first * np.sin(alice[0]) + second * np.sin(alice[1])
        alone = (1 - eta) * (first + second) * np.cos(2 * state)
        bobs.append(np.arctan2(eta * sin * np.sin(2 * state), eta * cos + alone))
    return {
        "state": state,
        "alice_0": alice[0],
        "alice_1": alice[1],
        "bob_0": bobs[0],
        "bob_1": bobs[1],
        "bob_key_0": x[:, 3] * scale,
        "bob_key_1": x[:, 4] * scale if bound == "two-basis" else x[:, 3] * scale,
        "alpha": alpha,
    }


def _eve(
    bound: Bound, s: FloatArray, alpha: FloatArray, bias: FloatArray, flip: float
) -> FloatArray:
    if bound == "asymmetric":
        return asymmetric_deficit(s, alpha, flip)
    if bound == "biased":
        return biased_deficit(s, bias, flip)
    return (two_basis_deficit if bound == "two-basis" else chsh_deficit)(s, flip)


def _best(
    rate: _Rate, start: FloatArray, floor: float, easy: float, hard: float, last_at_most_0: bool
) -> tuple[float, FloatArray]:
    """The value farthest from easy whose rate is floor, and its parameters, by the implicit slope.

    Where even the easy value has less, its shortfall over the rate's slope is added.
    """
    from scipy.optimize import brentq, minimize

    away, steps = np.sign(hard - easy), _STEP * np.eye(len(start))
    near = {"value": easy}

    def excess(value: float, x: FloatArray) -> float:
        return float(rate(np.array([value]), x[None])[0]) - floor

    def reached(x: FloatArray) -> float:
        least, most = (near["value"] + side * away * 1e-3 for side in (-1, 1))
        if not (excess(easy, x) > 0):
            return easy
        if away * (least - easy) > 0 and excess(least, x) > 0 > excess(most, x):
            return float(brentq(excess, least, most, args=(x,), xtol=1e-10))
        return float(brentq(excess, easy, hard, args=(x,), xtol=1e-10))

    def cost(x: FloatArray) -> tuple[float, FloatArray]:
        near["value"] = value = reached(x)
        points = np.vstack([x + steps, x - steps, x, x])
        values = np.full(len(points), value)
        values[-1] += away * _STEP
        rates = rate(values, points)
        fall = abs(rates[-2] - rates[-1]) / _STEP
        rises = (rates[: len(x)] - rates[len(x) : -2]) / (2 * _STEP)
        return -away * value - min(rates[-2] - floor, 0.0) / fall, -rises / fall

    x = start
    if len(start):
        bounds = [(None, None)] * (len(start) - 1) + [(None, 0.0 if last_at_most_0 else None)]
        options = {"gtol": 1e-5, "ftol": 1e-12}
        x = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
    if excess(easy, x) <= 0:
        raise ValueError(f"no value of the quantity reaches the rate floor {floor:g}")
    return reached(x), x
