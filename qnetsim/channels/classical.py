"""Classical channels: messages with latency, jitter and loss."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from qnetsim import units
from qnetsim.rng import Stream
from qnetsim.spec import GroupIndex, Metres, Probability, Seconds, Spec, described

_NODES = 24
_MOST_COPIES = 1000


class ClassicalChannel(Spec):
    """A channel that carries messages both ways between a node and a station.

    A node waits for the station's answer until the latency and the allowance are over, and then
    goes on to its next attempt: a herald that comes later is missed. The latency counts in full
    in each attempt; jitter and loss are those of heralds.
    """

    length_m: Metres = described("length of the cable or fibre")
    group_index: GroupIndex = described("group index of the medium", default=1.468)
    electronics_s: Seconds = described("fixed delay of sender and receiver", default=0.0)
    jitter_mean_s: Seconds = described("mean of an exponential delay beyond that", default=0.0)
    loss_probability: Probability = described("chance that a message is lost", default=0.0)
    retransmit_after_s: Seconds = described(
        "from a message that is lost to its next copy", default=0.0
    )
    allowance_s: Seconds = described(
        "how long beyond the latency a node waits for an answer", default=0.0
    )

    @model_validator(mode="after")
    def _copies_are_apart(self) -> Self:
        if self.loss_probability and not self.retransmit_after_s:
            raise PydanticCustomError("copies", "retransmit_after_s: must be above 0 with a loss")
        if self.loss_probability and self.allowance_s > _MOST_COPIES * self.retransmit_after_s:
            bound = f"allowance_s: must be {_MOST_COPIES} times retransmit_after_s or less"
            raise PydanticCustomError("copies", "{bound}", {"bound": bound})
        return self

    @property
    def latency_ps(self) -> int:
        """How long a message travels at least, in ps."""
        return units.to_ps(
            units.propagation_s(self.length_m, self.group_index) + self.electronics_s
        )

    @property
    def is_steady(self) -> bool:
        """Whether every message takes the latency."""
        return not (self.jitter_mean_s or self.loss_probability)

    def extra_ps(self, stream: Stream) -> int | None:
        """Draws by how much a message is late, in ps; ``None`` where beyond the allowance."""
        extra_s = 0.0
        if self.jitter_mean_s:
            extra_s = stream.exponential(self.jitter_mean_s)
        while self.loss_probability and extra_s <= self.allowance_s:
            if stream.uniform() >= self.loss_probability:
                break
            extra_s += self.retransmit_after_s
        return units.to_ps(extra_s) if extra_s <= self.allowance_s else None

    def lateness(self) -> list[tuple[float, float]]:
        """Returns by how much messages are late, in s, and with what chance each.

        The chances of those within the allowance add up to that of being in time. The exponential
        delay is integrated by Gauss-Legendre quadrature.
        """
        law = []
        copies = 0
        while copies * self.retransmit_after_s <= self.allowance_s:
            chance = (1 - self.loss_probability) * self.loss_probability**copies
            law += [
                (copies * self.retransmit_after_s + extra_s, chance * weight)
                for extra_s, weight in self._jitter(
                    self.allowance_s - copies * self.retransmit_after_s
                )
            ]
            if not self.loss_probability:
                break
            copies += 1
        return law

    def _jitter(self, within_s: float) -> list[tuple[float, float]]:
        """Returns nodes and weights of the exponential delay within a time in s."""
        if not self.jitter_mean_s:
            return [(0.0, 1.0)]
        longest = min(within_s, 40 * self.jitter_mean_s)
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        times = longest / 2 * (nodes + 1)
        density = np.exp(-times / self.jitter_mean_s) / self.jitter_mean_s
        shares = longest / 2 * weights * density
        in_time = -math.expm1(-within_s / self.jitter_mean_s)
        total = float(shares.sum())
        scale = in_time / total if total else 0.0
        return [(float(t), float(w) * scale) for t, w in zip(times, shares, strict=True)]
