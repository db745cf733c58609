"""What an attempt of a link does on average, whatever its detectors still remember."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnetsim import units
from qnetsim.nodes.station import Station
from qnetsim.physics.states import Matrix
from qnetsim.protocols.blindness import (
    BlindAttempts,
    ClickLaw,
    Sessions,
    blind_attempts,
    is_tractable,
    remembered_attempts,
)

Transmissions = tuple[float, float]


class MeanAttempt:
    """Averages over what reaches a station and over which of its detectors are blind.

    Args:
        station: the station.
        sessions: those of its link.
        heard: the chance that both nodes hear of a herald.
        refused: causes whose heralds do not count, as if they could be told apart.
        share: of the attempts that the clock has room for and that are made; the others leave
            the detectors in peace.

    Attributes:
        remembers: whether a detector's dead time outlasts an attempt.
    """

    def __init__(
        self,
        station: Station,
        sessions: Sessions,
        heard: float,
        refused: Container[str] = (),
        share: float = 1.0,
    ) -> None:
        self._station, self._sessions, self._heard = station, sessions, heard
        self._share = share
        self._detectors = list(station.spec.detectors.values())
        self._heralds = sorted(station.spec.heralds)
        self._counts = np.array([float(cause not in refused) for cause in station.optics.causes])
        self._dead_time_ps = units.to_ps(station.spec.detector.dead_time_s)
        self.remembers = self._dead_time_ps > sessions.timing.period
        self._blind_attempts: dict[Transmissions, BlindAttempts] = {}

    @property
    def is_tractable(self) -> bool:
        """Whether what the detectors remember can be followed (see ``blindness``)."""
        remembered = remembered_attempts(self._sessions.timing, self._dead_time_ps)
        return is_tractable(len(self._detectors), remembered)

    def click_states(self, transmissions: Transmissions) -> Matrix:
        """Returns the memories' states by cause and click set, shape (causes, click sets, 4, 4).

        Args:
            transmissions: of either channel; 0 where no particle emits.
        """
        mean: Matrix = np.sum(
            [
                weight
                * share
                * self._counts[:, None, None, None]
                * self._station.states(packets, blind)
                for packets, weight in self._laws(transmissions)
                for blind, share in self._blind(transmissions).items()
            ],
            axis=0,
        )
        return mean

    def herald_chances(self, transmissions: Transmissions) -> NDArray[np.float64]:
        """Returns the chances of the causes and accepted click sets, in this order.

        Args:
            transmissions: of either channel; 0 where no particle emits.
        """
        mean: NDArray[np.float64] = np.sum(
            [
                share * self._chances(transmissions, blind)[:, self._heralds]
                for blind, share in self._blind(transmissions).items()
            ],
            axis=0,
        )
        return mean

    def in_burst(self, transmissions: Transmissions) -> list[float]:
        """Returns the chance of a herald in the first, second, ... attempt of a burst.

        The last one holds for all later ones; both nodes hear of these heralds. Only where
        detectors remember do they differ.

        Args:
            transmissions: of either channel; 0 where no particle emits.
        """
        return [chance / self._share for chance in self._blind_in(transmissions).herald_chances]

    def _laws(self, transmissions: Transmissions) -> Iterator[tuple[Any, float]]:
        """Yields what can reach the station, with its chance."""
        first, second = (
            self._station.optics.arriving(port, transmission)
            for port, transmission in enumerate(transmissions)
        )
        for (packet, share), (beside, other) in product(first, second):
            yield (packet, beside), share * other

    def _chances(self, transmissions: Transmissions, blind: int) -> NDArray[np.float64]:
        """Returns the chances of the causes and click sets while some detectors are blind."""
        mean: NDArray[np.float64] = np.sum(
            [
                weight * self._counts[:, None] * np.array(self._station.chances(packets, blind))
                for packets, weight in self._laws(transmissions)
            ],
            axis=0,
        )
        return mean

    def _blind(self, transmissions: Transmissions) -> dict[int, float]:
        """Returns the share of attempts in which each set of detectors is blind."""
        return self._blind_in(transmissions).shares if self.remembers else {0: 1.0}

    def _blind_in(self, transmissions: Transmissions) -> BlindAttempts:
        if transmissions not in self._blind_attempts:
            sets = map(sum, product(*((0, lit) for lit in self._detectors)))
            chances = {
                blind: self._share * self._chances(transmissions, blind).sum(axis=0)
                for blind in sets
            }
            for quiet in chances.values():
                quiet[0] += 1 - self._share
            law = ClickLaw(chances, frozenset(self._heralds), self._heard)
            self._blind_attempts[transmissions] = blind_attempts(
                self._sessions, self._dead_time_ps, self._detectors, law
            )
        return self._blind_attempts[transmissions]
