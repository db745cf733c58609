"""Afterpulses: clicks that follow clicks."""

from __future__ import annotations

import math
from typing import NamedTuple

from qnetsim.physics.photon import window_acceptance

_PIECES = 128


class Afterpulsing(NamedTuple):
    """How a detector clicks again.

    Attributes:
        probability: the chance that a click is followed by another.
        lifetime_s: mean of the exponential time from the end of its dead time to that.
        dead_time_s: how long it is blind after the click.
    """

    probability: float
    lifetime_s: float
    dead_time_s: float


def afterpulse_in_window(
    afterpulsing: Afterpulsing,
    photon: tuple[float, float],
    window: tuple[float, float],
    later_s: float,
) -> float:
    """Returns the chance that a click in one window is followed by one in a later window.

    It is averaged over when an exponential photon clicks in the first window.

    Args:
        afterpulsing: of the detector.
        photon: its lifetime and the detector's jitter, in s.
        window: when the first window opens after the photon's front, and its length, in s.
        later_s: how much later the second window, of the same length, opens.
    """
    start_s, length_s = window
    piece_s = length_s / _PIECES
    total = weighted = 0.0
    for k in range(_PIECES):
        clicked_s = start_s + k * piece_s
        weight = window_acceptance(*photon, clicked_s, piece_s)
        sees_s = clicked_s + piece_s / 2 + afterpulsing.dead_time_s
        opens, closes = (
            math.exp(-max(0.0, end - sees_s) / afterpulsing.lifetime_s)
            for end in (start_s + later_s, start_s + later_s + length_s)
        )
        total += weight
        weighted += weight * (opens - closes)
    return afterpulsing.probability * weighted / total if total else 0.0
