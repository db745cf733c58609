"""Many attempts of one link at once: modes side by side, and attempts one after the other."""

from __future__ import annotations

from qnetsim.spec import PositiveInteger, PositiveSeconds, Spec, described


class Multiplexing(Spec):
    """How the slots of a link's two nodes share its light's way to the station.

    A mode is a channel of light beside others: a fibre and a cavity of its own, or a colour of its
    own. Within a mode attempts follow each other, so that many are under way at once.
    """

    spatial_modes: PositiveInteger = described("equal fibres side by side", default=1)
    spectral_modes: PositiveInteger = described(
        "colours in each of them, told apart without loss or mixing", default=1
    )
    temporal_modes: PositiveInteger | None = described(
        "attempts under way at once in a mode, at most; as many as fit where it is absent",
        default=None,
    )
    spacing_s: PositiveSeconds | None = described(
        "from one attempt in a mode to the next; the least that no part suffers from where it is "
        "absent, and no less than that but for the detectors' dead time",
        default=None,
    )

    @property
    def modes(self) -> int:
        """How many modes there are beside each other."""
        return self.spatial_modes * self.spectral_modes
