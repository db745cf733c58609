"""Attenuation of fibre types by wavelength, from data sheets."""

from __future__ import annotations

import math
import tomllib
from bisect import bisect_right
from functools import cache
from importlib import resources
from typing import NamedTuple

_HALF_NM = 0.501e-9


class AttenuationTable(NamedTuple):
    """The attenuation of a fibre type.

    Attributes:
        wavelengths_m: where it is known, ascending.
        db_per_km: the attenuation there.
        source: whose figures these are.
    """

    wavelengths_m: tuple[float, ...]
    db_per_km: tuple[float, ...]
    source: str

    def at(self, wavelength_m: float) -> float | None:
        """Returns the attenuation in dB/km, or ``None`` outside the table.

        Between two entries it follows a power of the wavelength, as Rayleigh scattering does. The
        entries are known to the nanometre, so the ends reach half a nanometre further.
        """
        known, values = self.wavelengths_m, self.db_per_km
        if not known[0] - _HALF_NM <= wavelength_m <= known[-1] + _HALF_NM:
            return None
        wavelength_m = min(max(wavelength_m, known[0]), known[-1])
        upper = min(bisect_right(known, wavelength_m), len(known) - 1)
        low, high = known[upper - 1], known[upper]
        share = math.log(wavelength_m / low) / math.log(high / low)
        return float(values[upper - 1] ** (1 - share) * values[upper] ** share)


@cache
def attenuation_tables() -> dict[str, AttenuationTable]:
    """Returns the tables of ``attenuation.toml`` by fibre type."""
    text = resources.files(__package__).joinpath("attenuation.toml").read_text(encoding="utf-8")
    return {
        name: AttenuationTable(
            tuple(nm * 1e-9 for nm in entry["wavelengths_nm"]),
            tuple(entry["db_per_km"]),
            entry["source"],
        )
        for name, entry in tomllib.loads(text).items()
    }
