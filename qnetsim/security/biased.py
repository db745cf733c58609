r"""Entropy of a raw key bit from the CHSH value and the bias of the key setting's outcome.

For one qubit strategy with bias z and CHSH value S, x^2 = S^2/4 - 1,

.. math:: H(A_1|E) \ge \phi\Big(\frac{R_+ + R_-}2\Big) + \phi\Big(\frac{R_+ - R_-}2\Big)
    - \phi\big(\sqrt{z^2 + x^2}\big), \quad R_\pm = \sqrt{(1 - 2q \pm z)^2 + 4q(1-q)x^2},

phi(x) = h((1+x)/2) (Masini, Pironio and Woodhead, arXiv 2107.08894). Eve mixes strategies, among
them one with a fixed outcome, at (|z|, S) = (1, 2), which leaves h(q). The bound is convexified
along the rays from there: on a ray of slope k = (S - 2)/(1 - |z|) it is straight up to the touching
point and the qubit's from there on.

With much noise this is not yet convex, which the publication does not say: for q above .058 and k
above a limit (.967 as q nears 1/2) rays lie up to 1.3 % of H - h(q) above a mixture of other
strategies. Beyond the limit the bound is therefore continued in S by its own tangent. That is
checked on grids and not proved; nor are rays of k above ``NEVER_STEEPER`` proved for any noise: at
q = .05 to .058 those near k = 2 may lie 1e-5 too high.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.information import (
    FloatArray,
    bias_information,
    chsh_value,
    conjugate_deficit,
    conjugate_slope,
    contrast,
    information_rise,
    information_slope,
    information_slope_rise,
    noisy_entropy,
    rounded_up,
    within,
)
from qnetsim.security.search import bisected, splined

_HALVINGS = 44
"""The chord along a ray is stationary: an error in u costs its square in it."""
_NODES = 4097
"""Of the table of touching points for longer arrays: the error in u stays below 1e-6."""
_GRID = (193, 97)
"""Of the table over k and q, for longer arrays with a flip probability each."""
_FLIPS = 257
"""Of the table of limits of k; up to as many distinct flips each have their own search."""
_LIMITED_FROM = 0.0581
"""Flip probability from which k has a limit below 2 (it sets in between .058 and here)."""
NEVER_STEEPER = 0.96
"""No flip probability has its limit of k below; beyond it the bound is checked, not proved."""
_APART = 1 + 1e-9
"""More than the searches' error: from here on a touching point is not the point itself."""
_TINY = np.finfo(float).tiny


def biased_entropy(s: ArrayLike, bias: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns the least entropy H(A1|E) in bits at CHSH value S and bias <A1> of the key setting.

    Never below ``chsh_entropy``. Tight where the limit of the slope is not exceeded (see the
    module). Collective attacks; general ones as for ``chsh_entropy``.

    Args:
        s: CHSH value, any shape. An estimate may exceed the quantum limit by chance,
            2 sqrt(2 - <A1>^2) and counts as it.
        bias: <A1>, in [-1, 1]; broadcasts with s.
        flip: q, the chance that the raw key bit is flipped, in [0, 1/2]; broadcasts with s.

    Returns:
        The bound, h(q) for S <= 2.

    Raises:
        ValueError: abs(S) exceeds 4, the algebraic limit, abs(<A1>) 1, or q lies outside
            [0, 1/2].

    References:
        Masini, Pironio and Woodhead, arXiv 2107.08894, and the authors' program,
        github.com/MicheleMasini1996/diqkd-2input2output.
    """
    return noisy_entropy(_deficit(s, bias, flip), flip)


def biased_deficit(s: ArrayLike, bias: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - H)/(1 - 2q)^2 of ``biased_entropy``, rounded up, to its last digits."""
    return rounded_up(_deficit(s, bias, flip))


def biased_gradient(
    s: ArrayLike, bias: ArrayLike, flip: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Returns dH/dS and dH/d<A1> of ``biased_entropy`` in bits: the plane that touches it.

    Both are 0 up to S = 2, where H has a kink. The plane lies below the qubit's bound at every
    S and <A1>, so that it is a min-tradeoff function.
    """
    s, z, q = _point(s, bias, flip)
    kept, u = _touch(s, z, q)
    by_s, by_z = (np.array(slope) for slope in _gradient(2 + u * _ray(kept, z), 1 - u, q))
    beyond = kept < s
    if beyond.any():
        here, size, q_here = s[beyond], z[beyond], np.broadcast_to(q, s.shape)[beyond]
        gain, slope = _at_limit(kept[beyond], size, u[beyond], q_here)
        plain = _plain_gain(here, q_here) > gain + (here - kept[beyond]) * slope
        of_s = conjugate_slope(here**2 / 4 - 1, q_here) * here / 2
        fixed = ((kept[beyond] - 2) * slope - gain) / np.maximum(1 - size, _TINY)
        of_z = np.where(u[beyond] > (1 - size) * _APART, fixed, by_z[beyond])
        by_s[beyond] = np.where(plain, of_s, slope)
        by_z[beyond] = np.where(plain, 0.0, of_z)
    c2 = np.where(s > 2, contrast(q) ** 2, 0.0)
    return c2 * by_s, c2 * np.sign(bias) * by_z


def _deficit(s: ArrayLike, bias: ArrayLike, flip: ArrayLike) -> FloatArray:
    deficit: FloatArray = conjugate_deficit(0.0, flip) - _tangent_gain(*_point(s, bias, flip))
    return deficit


def _point(
    s: ArrayLike, bias: ArrayLike, flip: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """S from 2 to the quantum limit and the bias's size, of the shape of all three; q."""
    z = np.abs(within(bias, -1.0, 1.0, "bias"))
    q = within(flip, 0.0, 0.5, "flip probability")
    limited = np.clip(chsh_value(s), 2.0, 2 * np.sqrt(2 - z**2))
    shape = np.broadcast_shapes(limited.shape, q.shape)
    return np.broadcast_to(limited, shape), np.broadcast_to(z, shape), q


def _tangent_gain(s: FloatArray, z: FloatArray, q: FloatArray) -> FloatArray:
    """(H - h(q))/(1 - 2q)^2: along the ray, and beyond the steepest as the tangent goes on."""
    kept, u = _touch(s, z, q)
    gain = np.asarray((1 - z) / u * _gain(2 + u * _ray(kept, z), 1 - u, q))
    beyond = kept < s
    if beyond.any():
        s, z, q = s[beyond], z[beyond], np.broadcast_to(q, s.shape)[beyond]
        start, slope = _at_limit(kept[beyond], z, u[beyond], q)
        gain[beyond] = np.maximum(start + (s - kept[beyond]) * slope, _plain_gain(s, q))
    return gain


def _at_limit(
    s: FloatArray, z: FloatArray, u: FloatArray, q: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gain and its slope in S on the steepest ray: before it touches, that to the limit at 2."""
    k, touched = _ray(s, z), 2 + u * _ray(s, z)
    steepness = _gain(touched, 1 - u, q) / u
    slope = np.where(
        u > (1 - z) * _APART,
        (_gain_at_end(q) - steepness) / (2 - k),
        _gradient(touched, 1 - u, q)[0],
    )
    return (1 - z) * steepness, slope


def _touch(s: FloatArray, z: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """S within the steepest ray, and u = 1 - |z| where the bound touches the qubit's."""
    k = _ray(s, z)
    kept = s
    if (k > NEVER_STEEPER).any():
        limit = _steepest(q)
        kept = np.where(k > limit, 2 + limit * (1 - z), s)
    k = _ray(kept, z)
    if k.size > _NODES and q.size == 1:
        nodes = k.max() * np.linspace(0, 1, _NODES)[1:] ** 2
        share = _touching(nodes, np.zeros_like(nodes), q) / _farthest(nodes)
        u = np.maximum(np.interp(k, nodes, share) * _farthest(k), 1 - z)
    elif k.size > np.prod(_GRID):
        u = np.clip(_tabulated(k, q) * _farthest(k), 1 - z, np.maximum(_farthest(k), 1 - z))
    else:
        u = _touching(k, 1 - z, q)
    return kept, np.maximum(u, _TINY)


def _tabulated(k: FloatArray, q: FloatArray) -> FloatArray:
    """Returns u of ``_touching`` over the farthest, the nodes dense at both ends of k."""

    def share(t: FloatArray, x: FloatArray) -> FloatArray:
        k = np.clip(2 - 2 * (1 - t**2) ** 2, 1e-9, 2 - 1e-6)
        return _touching(k, np.zeros_like(k), x**3 / 2) / _farthest(k)

    nodes = np.linspace(0, 1, _GRID[0]), np.linspace(0, 1, _GRID[1])
    t = np.sqrt(1 - np.sqrt(1 - k / 2))
    return splined(share, nodes, (t, np.broadcast_to(np.cbrt(2 * q), k.shape)))


def _touching(k: FloatArray, nearest: FloatArray, q: FloatArray) -> FloatArray:
    """Returns u of the least chord from (1, 2) along the ray of slope k, from the nearest u on."""

    def beyond(u: FloatArray) -> FloatArray:
        s, z = 2 + k * u, 1 - u
        by_s, by_z = _gradient(s, z, q)
        return u * (k * by_s - by_z) - _gain(s, z, q)

    return bisected(beyond, nearest, np.clip(_farthest(k), nearest, 1.0), _HALVINGS)


def _farthest(k: FloatArray) -> FloatArray:
    """Returns u where the ray of slope k leaves the quantum set."""
    return (2 - k) / (1 + k**2 / 4)


def _steepest(q: FloatArray) -> FloatArray:
    """Returns k up to which rays give the hull: their tangent in k there ends in the limit at 2."""
    if q.size > _FLIPS and np.unique(q).size > _FLIPS:
        return _steepest_tabulated(q)
    flips, index = np.unique(q, return_inverse=True)
    return _steepest_at(tuple(flips.tolist()))[index].reshape(q.shape)


def _steepest_tabulated(flips: FloatArray) -> FloatArray:
    """Returns the limits by a spline: they set in as a square root does, at _LIMITED_FROM."""
    from scipy.interpolate import CubicSpline

    most = contrast(_LIMITED_FROM)
    nodes = np.linspace(0, 1, _FLIPS)
    q = (1 - most * np.sqrt(1 - (1 - nodes) ** 2)) / 2
    q[[0, -1]] = 0.5, _LIMITED_FROM
    spline = CubicSpline(nodes, _steepest_at(tuple(q.tolist())))
    limits: FloatArray = spline(1 - np.sqrt(np.maximum(1 - (contrast(flips) / most) ** 2, 0)))
    limits[flips < _LIMITED_FROM] = 2.0
    near = (flips > 0.058) & (flips < _LIMITED_FROM)
    limits[near] = _steepest_at(tuple(flips[near].tolist()))
    return limits


@lru_cache
def _steepest_at(flips: tuple[float, ...]) -> FloatArray:
    q = np.array(flips)
    at_end = _gain_at_end(q)

    def excess(k: FloatArray) -> FloatArray:
        u = _touching(k, np.zeros_like(k), q)
        s, z = 2 + k * u, 1 - u
        above: FloatArray = _gain(s, z, q) / u + (2 - k) * _gradient(s, z, q)[0] - at_end
        return above

    # The continuation is stationary in the limit: an error of 1e-6 in k costs 1e-12 in the bound.
    k = bisected(excess, np.full_like(q, NEVER_STEEPER), np.full_like(q, 2.0), steps=20)
    return np.where(k < 1.99, k, 2.0)


def _gain_at_end(q: FloatArray) -> FloatArray:
    """The limit of gain/u as u nears 0 at k = 2."""
    c = np.minimum(contrast(q), 1 - 2.0**-53)
    return np.asarray(np.arctanh(c) / (c * np.log(2)))


def _gain(s: FloatArray, z: FloatArray, q: FloatArray) -> FloatArray:
    """The qubit's (H - h(q))/(1 - 2q)^2."""
    w2, rise, m2 = _squares(s, z, q)
    deficit = (information_rise(np.sqrt(w2), rise) + bias_information(np.sqrt(m2))) / contrast(
        q
    ) ** 2
    return conjugate_deficit(0.0, q) - deficit


def _gradient(s: FloatArray, z: FloatArray, q: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Derivatives of ``_gain`` in S and z, through those in y = x^2 and t = z^2."""
    c2, y = contrast(q) ** 2, s**2 / 4 - 1
    w2, rise, m2 = _squares(s, z, q)
    p2 = w2 + rise
    root = np.maximum(2 * rise + w2 - c2 * (1 - y), _TINY)

    def derivative(y_too: bool) -> FloatArray:
        of_rise = (c2 * (y_too * (1 - w2) - y) - rise * (1 + c2 * y_too)) / root
        of_m2 = (c2 * (not y_too) - m2 * (1 + of_rise)) / np.maximum(p2, _TINY)
        return -(
            information_slope_rise(w2, rise)
            + information_slope(p2) * of_rise
            + information_slope(m2) * of_m2
        )

    return derivative(True) / c2 * s / 2, derivative(False) / c2 * 2 * z


def _squares(
    s: FloatArray, z: FloatArray, q: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """w^2 = x^2 + z^2, P^2 - w^2 and M^2, P and M being (R+ +- R-)/2, as no differences.

    P M = (1 - 2q) z and P^2 + M^2 = w^2 + (1 - 2q)^2 (1 - x^2).
    """
    c2, y = contrast(q) ** 2, s**2 / 4 - 1
    w2 = np.minimum(y + z**2, 1.0)
    b, c = w2 - c2 * (1 - y), c2 * y * (1 - w2)
    root = np.sqrt(b**2 + 4 * c)
    rise = np.where(b > 0, 2 * c / np.maximum(b + root, _TINY), (root - b) / 2)
    m2 = np.minimum(c2 * z**2 / np.maximum(w2 + rise, _TINY), 1.0)
    return w2, np.minimum(rise, 1 - w2), m2


def _plain_gain(s: FloatArray, q: FloatArray) -> FloatArray:
    """That of S alone."""
    return conjugate_deficit(0.0, q) - conjugate_deficit(s**2 / 4 - 1, q)


def _ray(s: FloatArray, z: FloatArray) -> FloatArray:
    """k, the slope of the ray from (1, 2)."""
    k: FloatArray = np.minimum((s - 2) / np.maximum(1 - z, _TINY), 2.0)
    return k
