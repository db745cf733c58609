"""What every channel that carries photons has: a delay, and slow drifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from qnetsim import units
from qnetsim.spec import Decibels, GroupIndex, Metres, NonNegative, Spec, described, within

RealignSeconds = Annotated[float, AfterValidator(within(1e-3, 3.2e9))]
Degrees = Annotated[float, AfterValidator(within(-180, 180))]
Jitter = Annotated[float, AfterValidator(within(0, 180))]
RotationDrift = Annotated[float, AfterValidator(within(-1e6, 1e6))]


class PhotonChannel(Spec):
    """A channel that carries photons from a node to a station."""

    length_m: Metres = described("length")
    group_index: GroupIndex = described("group index n: light travels at c/n", default=1.468)
    insertion_loss_db: Decibels = described("loss at connectors and couplers", default=0.0)
    drift_db_per_hour: NonNegative = described(
        "how fast the coupling degrades from its best", default=0.0
    )
    realign_every_s: RealignSeconds | None = described(
        "how often the coupling is set back to its best; never where it is absent", default=None
    )
    rotation_deg: Degrees = described(
        "angle by which it turns a linear polarisation when just compensated", default=0.0
    )
    rotation_jitter_deg: Jitter = described(
        "standard deviation of that angle from photon to photon: polarisation mixing", default=0.0
    )
    rotation_drift_deg_per_hour: RotationDrift = described("how fast that angle grows", default=0.0)
    recompensate_every_s: RealignSeconds | None = described(
        "how often that growth is undone; never where it is absent", default=None
    )

    @property
    def delay_ps(self) -> int:
        """How long a photon travels, in ps."""
        return units.to_ps(units.propagation_s(self.length_m, self.group_index))

    def losses(self, wavelength_m: float | None) -> dict[str, float]:
        """Returns the factors of its transmission at best coupling, by what causes them.

        Args:
            wavelength_m: of the light in it; ``None`` where it is not known.

        Raises:
            ValueError: the loss at this wavelength is not known.
        """
        raise NotImplementedError

    def coupling(self, time_ps: int) -> float:
        """Returns the coupling at a time in ps, relative to its best."""
        if not self.drift_db_per_hour:
            return 1.0
        since_s = _since_s(time_ps, self.realign_every_s)
        return units.transmission(self.drift_db_per_hour * since_s / 3600)

    def next_realignment_ps(self, time_ps: int) -> int:
        """Returns when the coupling is next set back, in ps; until then it only falls."""
        if not self.drift_db_per_hour or self.realign_every_s is None:
            return units.NEVER_PS
        every = units.to_ps(self.realign_every_s)
        return time_ps - time_ps % every + every

    @property
    def rotation_coherence(self) -> float:
        """What jitter of sigma leaves of a linear polarisation: the mean of cos 2 theta."""
        return math.exp(-2 * math.radians(self.rotation_jitter_deg) ** 2)

    @property
    def rotates(self) -> bool:
        """Whether it turns polarisations at all."""
        return any((self.rotation_deg, self.rotation_jitter_deg, self.rotation_drift_deg_per_hour))

    @property
    def drifts(self) -> bool:
        """Whether anything about it changes with time."""
        return bool(self.drift_db_per_hour or self.rotation_drift_deg_per_hour)

    def rotation_rad(self, time_ps: int) -> float:
        """Returns the angle by which it turns a linear polarisation at a time in ps."""
        degrees = self.rotation_deg
        if self.rotation_drift_deg_per_hour:
            since_s = _since_s(time_ps, self.recompensate_every_s)
            degrees += self.rotation_drift_deg_per_hour * since_s / 3600
        return math.radians(degrees)


def _since_s(time_ps: int, every_s: float | None) -> float:
    """Returns the time since something that happens at 0 and ever so often, in s."""
    return units.to_seconds(time_ps if every_s is None else time_ps % units.to_ps(every_s))


def scaled_to(lengths_m: Sequence[float], total_m: float) -> list[float]:
    """Returns lengths in the same proportions with a sum; equal ones where all were 0."""
    total = sum(lengths_m)
    shares = [x / total if total else 1 / len(lengths_m) for x in lengths_m]
    return [share * total_m for share in shares]
