"""Emitters by name: what is known of the lines that they emit on."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import NamedTuple


class Line(NamedTuple):
    """An optical transition.

    Attributes:
        wavelength_m: its wavelength in vacuum or air, as the source gives it.
        lifetime_s: of the excited state in free space.
        source: whose figures these are.
    """

    wavelength_m: float | None
    lifetime_s: float | None
    source: str


@cache
def species_table() -> dict[str, Line]:
    """Returns the lines of ``species.toml`` by species."""
    text = resources.files(__package__).joinpath("species.toml").read_text(encoding="utf-8")
    return {
        name: Line(entry["wavelength_nm"] * 1e-9, entry["lifetime_ns"] * 1e-9, entry["source"])
        for name, entry in tomllib.loads(text).items()
    }
