"""Conversions to and from SI, and the clock's unit: the integer picosecond."""

from __future__ import annotations

PS_PER_S = 10**12
SPEED_OF_LIGHT_M_PER_S = 299_792_458.0

NEVER_PS = 10**30
"""A time that no simulation reaches: 3e10 years."""


def to_ps(seconds: float) -> int:
    """Returns a duration or time in s as the nearest whole number of picoseconds."""
    return round(seconds * PS_PER_S)


def to_seconds(picoseconds: int) -> float:
    """Returns a time of the clock in s."""
    return picoseconds / PS_PER_S


def propagation_s(length_m: float, group_index: float) -> float:
    """Returns how long light takes through a medium, L n/c, in s."""
    return length_m * group_index / SPEED_OF_LIGHT_M_PER_S


def transmission(loss_db: float) -> float:
    """Returns the transmitted share of power, 10^(-dB/10)."""
    return float(10.0 ** (-loss_db / 10.0))
