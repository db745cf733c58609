"""Asymptotic key rates from entropy bounds: Eve's entropy less what error correction reveals.

Devetak and Winter's rate (arXiv quant-ph/0306078): one-way reconciliation at the Shannon limit. The
raw key is that of the party whose key setting the entropy bound speaks of. Collective attacks, and
general ones as the rounds grow without limit. Rates are not clipped: a negative one means no key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.security.asymmetric import asymmetric_deficit, optimal_alpha
from qnetsim.security.chsh import chsh_deficit
from qnetsim.security.information import FloatArray, bias_information, contrast, within
from qnetsim.security.search import maximised
from qnetsim.security.two_basis import two_basis_deficit


def conditional_entropy(table: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns H(A|B) in bits of a key round in which Alice's bit is flipped with chance q.

    It is what error correction reveals at the Shannon limit. Bob's outcomes need not be two: where
    he keeps apart the rounds without a click, it is less than if they counted as an outcome.

    Args:
        table: P(a, b) before the flip, shape (..., 2, m).
        flip: q, in [0, 1/2]; broadcasts with the table's leading axes.

    Raises:
        ValueError: a probability is negative, they do not sum to 1, or q lies outside [0, 1/2].
    """
    return 1 - contrast(flip) ** 2 * conditional_deficit(table, flip)


def conditional_deficit(table: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - H(A|B))/(1 - 2q)^2 of ``conditional_entropy``, to its last digits."""
    joint = within(table, 0.0, 1.0, "probability")
    within(joint.sum(axis=(-2, -1)), 1 - 1e-9, 1 + 1e-9, "sum of probabilities")
    bob = joint.sum(axis=-2)
    difference = joint[..., 0, :] - joint[..., 1, :]
    bias = np.divide(difference, bob, out=np.zeros_like(bob), where=bob > 0)
    c = contrast(flip)
    deficit: FloatArray = (bob * bias_information(c[..., None] * bias)).sum(axis=-1) / c**2
    return deficit


def error_deficit(error: ArrayLike, flip: ArrayLike = 0.0) -> FloatArray:
    """Returns (1 - h(q + (1 - 2q) Q))/(1 - 2q)^2 of key bits that differ with chance Q.

    Raises:
        ValueError: Q lies outside [0, 1] or q outside [0, 1/2].
    """
    c = contrast(flip)
    deficit: FloatArray = (
        bias_information(c * (1 - 2 * within(error, 0.0, 1.0, "probability"))) / c**2
    )
    return deficit


def key_rate(
    eve: ArrayLike, bob: ArrayLike, sifting: ArrayLike, flip: ArrayLike = 0.0
) -> FloatArray:
    """Returns the key rate sifting (H(A|E) - H(A|B)) in bits per round.

    Args:
        eve: the deficit of an entropy bound, such as ``chsh_deficit``, at the same q.
        bob: ``conditional_deficit`` or ``error_deficit``, at the same q.
        sifting: fraction of rounds that make key.
        flip: q, in [0, 1/2].

    Raises:
        ValueError: sifting lies outside [0, 1] or q outside [0, 1/2].
    """
    share = within(sifting, 0.0, 1.0, "sifting")
    rate: FloatArray = share * contrast(flip) ** 2 * (np.asarray(bob) - np.asarray(eve))
    return rate


def optimal_flip(rate: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Returns the flip probability of noisy preprocessing at which a key rate is highest.

    Args:
        rate: the key rate in dependence on q, element by element: it takes an array whose leading
            axis runs over values of q and whose others are one or broadcast with the statistics.
    """
    grid = np.linspace(0.0, 0.5, 51)
    shape = np.shape(rate(np.array(0.0)))
    rates = rate(np.broadcast_to(grid.reshape(-1, *[1] * len(shape)), (len(grid), *shape)))
    best = grid[np.argmax(rates, axis=0)]
    step = grid[1]
    return maximised(rate, np.maximum(best - step, 0.0), np.minimum(best + step, 0.5), steps=40)


def key_rate_of_bound(
    bound: str, s: ArrayLike, qbers: Sequence[ArrayLike], sifting: ArrayLike
) -> FloatArray:
    """Returns the asymptotic key rate in bits per round by a bound's name.

    Args:
        bound: ``chsh`` or ``two-basis``.
        s: CHSH value.
        qbers: the error rate of each key pair; broadcasts like the rest.
        sifting: fraction of rounds that make key.
    """
    if bound == "chsh":
        return chsh_key_rate(s, qbers[0], sifting)
    return two_basis_key_rate(s, qbers[0], qbers[1], sifting)


def chsh_key_rate(
    s: ArrayLike, q: ArrayLike, sifting: ArrayLike, flip: ArrayLike = 0.0
) -> FloatArray:
    """Returns the asymptotic key rate from one basis in bits per round.

    Args:
        s: CHSH value, as for ``chsh_entropy``.
        q: probability that the raw key bits of the two parties differ, before the flip.
        sifting: fraction of rounds that make key.
        flip: flip probability of noisy preprocessing, in [0, 1/2].

    Raises:
        ValueError: abs(S) exceeds 4, or a probability or sifting is out of range.
    """
    return key_rate(chsh_deficit(s, flip), error_deficit(q, flip), sifting, flip)


def two_basis_key_rate(
    s: ArrayLike, q0: ArrayLike, q1: ArrayLike, sifting: ArrayLike, flip: ArrayLike = 0.0
) -> FloatArray:
    """Returns the asymptotic key rate from two bases in bits per round.

    The party whose raw key it is makes it from both its settings in the CHSH test, equally often.

    Args:
        s: CHSH value, as for ``two_basis_entropy``.
        q0: probability that the raw key bits of the two parties differ in the first basis.
        q1: the same in the second.
        sifting: fraction of rounds that make key, in either basis.
        flip: flip probability of noisy preprocessing, in [0, 1/2].

    Raises:
        ValueError: abs(S) exceeds 4, or a probability or sifting is out of range.
    """
    bob = (error_deficit(q0, flip) + error_deficit(q1, flip)) / 2
    return key_rate(two_basis_deficit(s, flip), bob, sifting, flip)


def asymmetric_key_rate(
    e1: ArrayLike, e2: ArrayLike, q: ArrayLike, sifting: ArrayLike, flip: ArrayLike = 0.0
) -> FloatArray:
    """Returns the asymptotic key rate from the two halves of the CHSH test, weighted at best.

    Args:
        e1: <A1 B1> + <A1 B2>, A1 being the key setting.
        e2: <A2 B1> - <A2 B2>.
        q: probability that the raw key bits of the two parties differ, before the flip.
        sifting: fraction of rounds that make key.
        flip: flip probability of noisy preprocessing, in [0, 1/2].

    Raises:
        ValueError: a half exceeds 2, or a probability or sifting is out of range.
    """
    alpha = optimal_alpha(e1, e2, flip)
    eve = asymmetric_deficit(alpha * np.asarray(e1) + np.asarray(e2), alpha, flip)
    return key_rate(eve, error_deficit(q, flip), sifting, flip)
