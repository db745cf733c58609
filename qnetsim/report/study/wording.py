"""How the report of a study writes names, numbers and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from qnetsim.study.naming import split_unit

_PREFIXES = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9, "p": 1e-12}
_PREFIXED = ("m", "s", "Hz")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Scale(NamedTuple):
    """How the values of a quantity are written.

    Attributes:
        name: what it is called, without its unit.
        unit: of the written values, with a prefix.
        factor: by which a value in SI units is divided.
    """

    name: str
    unit: str
    factor: float

    @property
    def label(self) -> str:
        """Its name and unit, for an axis or a table's head."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def write(self, value: Any) -> str:
        """Returns a value with its unit, as text."""
        return f"{number(value / self.factor)} {self.unit}".rstrip() if is_number(value) else (
            str(value)
        )  # fmt: skip


def is_number(value: Any) -> bool:
    """Returns whether a value is a finite number; truth values are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def scale_of(name: str, values: Sequence[Any]) -> Scale:
    """Returns the unit in which the largest value of a quantity lies between 1 and 1000.

    Args:
        name: of a parameter or a figure, e.g. ``length_m``.
        values: all its values; only metres, seconds and hertz get prefixes.
    """
    bare, unit = split_unit(name)
    words = bare.replace("_", " ")
    largest = max((abs(v) for v in values if is_number(v)), default=0.0)
    if unit not in _PREFIXED or not largest:
        return Scale(words, unit, 1.0)
    fitting = [(p, f) for p, f in _PREFIXES.items() if f <= largest * (1 + 1e-9)]
    prefix, factor = fitting[0] if fitting else ("p", _PREFIXES["p"])
    return Scale(words, prefix + unit, factor)


def number(value: Any, digits: int = 4, *, zeros: bool = False) -> str:
    """Returns a number as a person writes it, with powers of ten where zeros would be many.

    Args:
        value: a number, or ``None`` for what is not known.
        digits: significant ones.
        zeros: whether those at the end stay.
    """
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "?"
    if isinstance(value, int) and abs(value) < 10**7:
        return f"{value:,}"
    if value and not 1e-3 <= abs(value) < 10**7:
        mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
        if "." in mantissa and not zeros:
            mantissa = mantissa.rstrip("0").rstrip(".")
        power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
        return power if mantissa == "1" else f"{mantissa}·{power}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value)))) if value else 0
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text and not zeros else text


def tick(value: float, _: int = 0) -> str:
    """Returns the label of an axis's tick."""
    return number(float(f"{value:.6g}"), 3)


def interval(low: float | None, high: float | None) -> str:
    """Returns the two ends of an interval with the digits that tell them apart."""
    if low is None or high is None:
        return ""
    spread, largest = abs(high - low), max(abs(low), abs(high))
    if not spread or not math.isfinite(spread):
        return f"{number(low)} … {number(high)}"
    more = math.floor(math.log10(largest)) - math.floor(math.log10(spread))
    digits = min(12, max(3, 2 + more))
    return f"{number(low, digits, zeros=True)} … {number(high, digits, zeros=True)}"
