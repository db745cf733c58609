"""What the columns and axes of a study are called, and in which unit they are."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = {
    "_bits_per_s": "bit/s",
    "_bits_per_round": "bit",
    "_db_per_km": "dB/km",
    "_bits": "bit",
    "_hz": "Hz",
    "_db": "dB",
    "_deg": "deg",
    "_m": "m",
    "_s": "s",
}
_PURE = {"chsh_s"}
"""What ends like a quantity with a unit and has none."""


def short_names(paths: Sequence[str]) -> dict[str, str]:
    """Returns for each path its last words, as many as tell it from the others.

    Args:
        paths: distinct parameter paths, e.g. ``nodes.*.slots``.
    """
    words = {path: path.split(".") for path in paths}
    names = {}
    for path in paths:
        own = words[path]
        others = [words[other] for other in paths if other != path]
        kept = next(
            (k for k in range(1, len(own)) if all(own[-k:] != other[-k:] for other in others)),
            len(own),
        )
        names[path] = ".".join(own[-kept:])
    return names


def split_unit(name: str) -> tuple[str, str]:
    """Returns a name without its unit, and the unit; empty where it has none.

    Args:
        name: of a parameter or a figure, e.g. ``length_m``.
    """
    if name in _PURE:
        return name, ""
    suffix = next((end for end in _UNITS if name.endswith(end)), "")
    return name.removesuffix(suffix), _UNITS.get(suffix, "")
