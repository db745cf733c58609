"""When the first photon of a double emission clicks."""

from __future__ import annotations

import math

_BRIEF = 1e-5
"""A pulse so much shorter than the jitter is an instant, to 1e-12."""


def pulse_acceptance(pulse_s: float, jitter_s: float, start_s: float, length_s: float) -> float:
    r"""Returns the chance that a photon emitted during the pulse clicks in a time window.

    An emitter that is excited twice sends its first photon at a time uniform over the pulse, of
    length p, and the detector adds Gaussian jitter of standard deviation sigma:

    .. math:: F(t) = \frac{K(t) - K(t - p)}{p}, \qquad
        K(t) = t\, \Phi(t/\sigma) + \sigma\, \varphi(t/\sigma).

    Args:
        pulse_s: p in s; 0 for an instant.
        jitter_s: sigma in s; 0 for none.
        start_s: when the window opens after the pulse's beginning would arrive, in s.
        length_s: how long it stays open, in s.

    Returns:
        F(start + length) - F(start), in [0, 1].
    """
    opened, closed = (_clicked_by(t, pulse_s, jitter_s) for t in (start_s, start_s + length_s))
    return min(max(closed - opened, 0.0), 1.0)


def _clicked_by(time_s: float, pulse_s: float, jitter_s: float) -> float:
    if pulse_s < _BRIEF * jitter_s or pulse_s == 0:
        return _normal_cdf(time_s - pulse_s / 2, jitter_s)
    sharp = min(max(time_s / pulse_s, 0.0), 1.0)
    blur = _blur(time_s, jitter_s) - _blur(time_s - pulse_s, jitter_s)
    return sharp + blur / pulse_s


def _normal_cdf(time_s: float, jitter_s: float) -> float:
    if jitter_s == 0:
        return float(time_s > 0)
    return math.erfc(-time_s / (jitter_s * math.sqrt(2))) / 2


def _blur(time_s: float, jitter_s: float) -> float:
    """Returns K(t) - max(t, 0): what jitter adds to the integral of a step."""
    if jitter_s == 0:
        return 0.0
    score = abs(time_s / jitter_s)
    density = math.exp(-score * score / 2) / math.sqrt(2 * math.pi)
    return jitter_s * density - abs(time_s) * math.erfc(score / math.sqrt(2)) / 2
