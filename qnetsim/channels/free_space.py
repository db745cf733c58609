"""Free space between two telescopes."""

from __future__ import annotations

import math

from qnetsim import units
from qnetsim.channels.channel import PhotonChannel
from qnetsim.spec import Decibels, GroupIndex, Positive, Radians, described


class FreeSpace(PhotonChannel):
    """A Gaussian beam from a transmitter's to a receiver's telescope."""

    waist_m: Positive = described("1/e^2 radius of the beam at the transmitter")
    receiver_radius_m: Positive = described("radius of the receiver's aperture")
    extinction_db_per_km: Decibels = described("absorption and scattering", default=0.0)
    pointing_jitter_rad: Radians = described(
        "standard deviation of the beam's direction along each axis", default=0.0
    )
    group_index: GroupIndex = described("group index n: light travels at c/n", default=1.0003)

    def losses(self, wavelength_m: float | None) -> dict[str, float]:
        r"""Returns the factors of its transmission at best coupling, by what causes them.

        The receiver takes, on average over the pointing jitter sigma,

        .. math:: 1 - e^{-2 R^2/(w^2 + 4 \sigma^2 L^2)}, \quad
            w^2 = w_0^2 [1 + (\lambda L/\pi w_0^2)^2],

        because jitter turns the mean intensity into a wider Gaussian.

        Args:
            wavelength_m: of the light.

        Raises:
            ValueError: the wavelength is not known.
        """
        if wavelength_m is None:
            raise ValueError("needs the wavelength of the photons in free space")
        spread = wavelength_m * self.length_m / (math.pi * self.waist_m**2)
        width = self.waist_m**2 * (1 + spread**2)
        width += 4 * (self.pointing_jitter_rad * self.length_m) ** 2
        return {
            "extinction": units.transmission(self.extinction_db_per_km * self.length_m / 1000),
            "diffraction and pointing": -math.expm1(-2 * self.receiver_radius_m**2 / width),
            "telescopes": units.transmission(self.insertion_loss_db),
        }
