"""When a spontaneously emitted photon clicks."""

from __future__ import annotations

import math


def window_acceptance(lifetime_s: float, jitter_s: float, start_s: float, length_s: float) -> float:
    r"""Returns the chance that a detected photon's click falls into a time window.

    The emission delay is exponential with the lifetime tau and the detector adds Gaussian jitter
    of standard deviation sigma, so the click is exponentially modified Gaussian:

    .. math:: F(t) = \Phi(t/\sigma)
        - e^{\sigma^2/2\tau^2 - t/\tau}\, \Phi(t/\sigma - \sigma/\tau).

    Args:
        lifetime_s: tau in s.
        jitter_s: sigma in s; 0 for none.
        start_s: when the window opens after the excitation's arrival, in s; may be negative.
        length_s: how long it stays open, in s.

    Returns:
        F(start + length) - F(start), in [0, 1].
    """
    late, early = (
        _click_later(lifetime_s, jitter_s, time_s) for time_s in (start_s, start_s + length_s)
    )
    return min(max(late - early, 0.0), 1.0)


def _click_later(lifetime_s: float, jitter_s: float, time_s: float) -> float:
    """Returns 1 - F(t)."""
    if jitter_s == 0:
        return math.exp(-max(time_s, 0.0) / lifetime_s)
    from scipy.special import log_ndtr

    ratio = jitter_s / lifetime_s
    score = time_s / jitter_s
    tail = ratio**2 / 2 - time_s / lifetime_s + float(log_ndtr(score - ratio))
    return 0.5 * math.erfc(score / math.sqrt(2)) + math.exp(min(tail, 0.0))
