"""Optical fibre: loss, delay, and a slow drift of its coupling."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from qnetsim import units
from qnetsim.spec import Decibels, GroupIndex, Metres, NonNegative, Spec, described, within

RealignSeconds = Annotated[float, AfterValidator(within(1e-3, 3.2e9))]


class Fibre(Spec):
    """A fibre that carries photons from a node to a station."""

    length_m: Metres = described("length")
    attenuation_db_per_km: Decibels = described("attenuation at the photon's wavelength")
    group_index: GroupIndex = described("group index n: light travels at c/n", default=1.468)
    insertion_loss_db: Decibels = described("loss at connectors and couplers", default=0.0)
    drift_db_per_hour: NonNegative = described(
        "how fast the coupling degrades from its best", default=0.0
    )
    realign_every_s: RealignSeconds | None = described(
        "how often the coupling is set back to its best; never where it is absent", default=None
    )

    @property
    def delay_ps(self) -> int:
        """How long a photon travels, in ps."""
        return units.to_ps(units.propagation_s(self.length_m, self.group_index))

    @property
    def best_transmission(self) -> float:
        """The transmission 10^(-(a L + insertion loss)/10) with perfect coupling."""
        loss_db = self.attenuation_db_per_km * self.length_m / 1000 + self.insertion_loss_db
        return units.transmission(loss_db)

    def transmission(self, time_ps: int) -> float:
        """Returns the transmission of a photon sent at a time in ps."""
        if not self.drift_db_per_hour:
            return self.best_transmission
        since_s = units.to_seconds(time_ps - self._last_realignment_ps(time_ps))
        return self.best_transmission * units.transmission(self.drift_db_per_hour * since_s / 3600)

    def next_realignment_ps(self, time_ps: int) -> int:
        """Returns when the coupling is next set back, in ps; until then it only falls."""
        if not self.drift_db_per_hour or self.realign_every_s is None:
            return units.NEVER_PS
        return self._last_realignment_ps(time_ps) + units.to_ps(self.realign_every_s)

    def _last_realignment_ps(self, time_ps: int) -> int:
        if self.realign_every_s is None:
            return 0
        return time_ps - time_ps % units.to_ps(self.realign_every_s)
