"""Classical channels: messages with latency."""

from __future__ import annotations

from qnetsim import units
from qnetsim.spec import GroupIndex, Metres, Seconds, Spec, described


class ClassicalChannel(Spec):
    """A channel that carries messages both ways between a node and a station."""

    length_m: Metres = described("length of the cable or fibre")
    group_index: GroupIndex = described("group index of the medium", default=1.468)
    electronics_s: Seconds = described("fixed delay of sender and receiver", default=0.0)

    @property
    def latency_ps(self) -> int:
        """How long a message travels, in ps."""
        return units.to_ps(
            units.propagation_s(self.length_m, self.group_index) + self.electronics_s
        )
