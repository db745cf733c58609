"""Optical fibre: loss by wavelength, delay, and slow drifts."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from qnetsim import units
from qnetsim.channels.attenuation import attenuation_tables
from qnetsim.channels.channel import PhotonChannel
from qnetsim.spec import Decibels, described, suggestion


class Fibre(PhotonChannel):
    """A fibre that carries photons from a node to a station."""

    attenuation_db_per_km: Decibels | None = described(
        "attenuation at the photons' wavelength; from the table of its type where it is absent",
        default=None,
    )
    type: str | None = described("fibre type in the table of attenuations", default=None)

    @model_validator(mode="after")
    def _attenuation_once(self) -> Self:
        bound = ""
        if (self.type is None) == (self.attenuation_db_per_km is None):
            bound = "needs its attenuation once: either attenuation_db_per_km or type"
        elif self.type is not None and self.type not in attenuation_tables():
            bound = (
                f"type {self.type!r}: no such fibre{suggestion(self.type, attenuation_tables())}"
            )
        if bound:
            raise PydanticCustomError("attenuation", "{bound}", {"bound": bound})
        return self

    def losses(self, wavelength_m: float | None) -> dict[str, float]:
        """Returns the factors of its transmission at best coupling, by what causes them.

        Args:
            wavelength_m: of the light in it; needed where the attenuation comes from a table.

        Raises:
            ValueError: the table does not know the attenuation at this wavelength.
        """
        db_per_km = self.attenuation_db_per_km
        if self.type is not None:
            if wavelength_m is None:
                raise ValueError(f"needs the wavelength of the photons in fibre {self.type!r}")
            table = attenuation_tables()[self.type]
            db_per_km = table.at(wavelength_m)
            if db_per_km is None:
                low, high = (table.wavelengths_m[k] * 1e9 for k in (0, -1))
                raise ValueError(
                    f"must lie in the table of fibre {self.type!r}, {low:g} to {high:g} nm"
                )
        return {
            "attenuation": units.transmission((db_per_km or 0.0) * self.length_m / 1000),
            "connectors": units.transmission(self.insertion_loss_db),
        }
