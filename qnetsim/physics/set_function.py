r"""Functions of a set of detectors, kept by their differences, so that rare click sets keep digits.

Write G(S) for the chance that no detector outside the set S clicks. The chance that exactly the
detectors in T click is its mixed difference

.. math:: P_T = \sum_{R \subseteq T} (-1)^{|T| - |R|} G(R), \qquad G(S) = \sum_{T \subseteq S} P_T,

(inclusion and exclusion), and to subtract values of G that lie close together loses every digit of
a small one. Here a function f of a set is the array of its differences from the start,

.. math:: f(S) = \sum_{T \subseteq S} f_T,

and is multiplied, inverted and raised to powers as it stands. A function of n detectors splits by
its last one into f0 without it and what it adds, f1, both functions of n - 1, so that each rule
below is that of a finite difference, e.g. 1/(f0 + f1) - 1/f0 = -f1/(f0 (f0 + f1)).

An array has shape (..., 2^n), indexed by T as a bit mask; leading axes broadcast.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]


def product(f: Real, g: Real) -> Real:
    r"""Returns f g: :math:`(fg)_T = \sum_{R \cup S = T} f_R g_S`, no term a difference.

    Args:
        f: shape (..., 2^n).
        g: shape (..., 2^n).
    """
    if f.shape[-1] == 1:
        return f * g
    (f0, f1), (g0, g1) = _split(f), _split(g)
    return _join(product(f0, g0), product(f0, g1) + product(f1, g0 + g1))


def inverse(f: Real) -> Real:
    """Returns 1/f.

    Args:
        f: shape (..., 2^n), with no value f(S) zero.
    """
    if f.shape[-1] == 1:
        return 1 / f
    f0, f1 = _split(f)
    without, both = inverse(f0), inverse(f0 + f1)
    return _join(without, -product(f1, product(without, both)))


def log1p(f: Real) -> Real:
    """Returns log(1 + f).

    Args:
        f: shape (..., 2^n), every value f(S) above -1.
    """
    if f.shape[-1] == 1:
        return np.log1p(f)
    f0, f1 = _split(f)
    base = f0.copy()
    base[..., 0] += 1
    return _join(log1p(f0), log1p(product(f1, inverse(base))))


def exp(f: Real) -> Real:
    """Returns the exponential of f.

    Args:
        f: shape (..., 2^n).
    """
    if f.shape[-1] == 1:
        return np.exp(f)
    f0, f1 = _split(f)
    without = exp(f0)
    return _join(without, product(without, _expm1(f1)))


def _expm1(f: Real) -> Real:
    if f.shape[-1] == 1:
        return np.expm1(f)
    f0, f1 = _split(f)
    return _join(_expm1(f0), product(exp(f0), _expm1(f1)))


def _split(f: Real) -> tuple[Real, Real]:
    half = f.shape[-1] // 2
    return f[..., :half], f[..., half:]


def _join(without: Real, added: Real) -> Real:
    return np.concatenate(np.broadcast_arrays(without, added), axis=-1)
