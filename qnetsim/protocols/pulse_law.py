"""The law of one pulse of an all-photonic link: what is drawn, and every closed form of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.physics.states import bell_state

Real = NDArray[np.float64]

BELL_STATES = ("phi+", "phi-", "psi+", "psi-")
"""In the order of every Bell-state axis."""

EVERY_PULSE = ""
"""What stands in the place of a herald's name, and of its cause, where nothing heralds."""


class HeraldedLight(NamedTuple):
    """What the users hold behind heralds: the light on its way to their detectors.

    Behind a "psi-" it is shown as the user reads it, after a turn by Z: all heralds then name one
    Bell state.

    Attributes:
        states: up to one photon a side, shape (heralds, causes, 9, 9), in the basis (vacuum, H, V)
            of Alice times that of Bob. Not normalised: the trace is the probability of the herald
            and cause with at most one photon a side.
        bell_state: the one that heralds name.
    """

    states: Real
    bell_state: str


class PulseLaw(NamedTuple):
    """The law of one pulse.

    Attributes:
        table: P(herald, cause, a, b | x, y), shape (X, Y, heralds, causes, 2, 2), outcomes in the
            order +1, -1. It sums to the herald probability.
        heralds: their names, Alice's side first.
        causes: what can stand behind one.
        light: what the users then hold, or ``None`` where nothing heralds.
    """

    table: Real
    heralds: tuple[str, ...] = (EVERY_PULSE,)
    causes: tuple[str, ...] = (EVERY_PULSE,)
    light: HeraldedLight | None = None

    @property
    def herald_probability(self) -> float:
        """The chance that a pulse is a round; 1 where nothing heralds."""
        return float(self.table[0, 0].sum()) if self.heralds != (EVERY_PULSE,) else 1.0

    @property
    def rounds(self) -> Real:
        """P(a, b | x, y) of a round, shape (X, Y, 2, 2); zero if there never is one."""
        table = self.table.sum(axis=(2, 3))
        total = table.sum(axis=(2, 3), keepdims=True)
        given: Real = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
        return given

    @property
    def cause_shares(self) -> dict[str, float]:
        """The share of heralds that each cause makes; empty if nothing ever heralds."""
        total = self.herald_probability
        if not total or self.causes == (EVERY_PULSE,):
            return {}
        shares = self.table[0, 0].sum(axis=(0, 2, 3)) / total
        return dict(zip(self.causes, shares.tolist(), strict=True))

    @property
    def mean_state(self) -> Real | None:
        """The users' mean state behind a herald, shape (9, 9), in the basis of ``light``.

        What its trace lacks of 1 has several photons on a side. ``None`` if there never is a
        herald.
        """
        total = self.herald_probability
        if self.light is None or not total:
            return None
        state: Real = self.light.states.sum(axis=(0, 1)) / total
        return state

    @property
    def bell_shares(self) -> Real | None:
        """The share of each Bell state behind each herald and cause, shape (heralds, causes, 4).

        In the order of ``BELL_STATES``. Vacuum and several photons have none of them. ``None``
        where nothing heralds.
        """
        if self.light is None:
            return None
        chances = self.table[0, 0].sum(axis=(2, 3))[..., None]
        shares = _of_bell_states(self.light.states)
        given: Real = np.divide(shares, chances, out=np.zeros_like(shares), where=chances > 0)
        return given

    @property
    def mean_bell_shares(self) -> dict[str, float]:
        """The share of each Bell state in the mean state; empty if there never is a herald."""
        state = self.mean_state
        if state is None:
            return {}
        return dict(zip(BELL_STATES, _of_bell_states(state).tolist(), strict=True))

    @property
    def heralded_fidelity(self) -> float | None:
        """The fidelity of the mean state with the Bell state that heralds name."""
        light, shares = self.light, self.mean_bell_shares
        return shares[light.bell_state] if light and shares else None


def _of_bell_states(states: Real) -> Real:
    """Returns the shares of the Bell states in states of shape (..., 9, 9)."""
    one_each = [4, 5, 7, 8]
    of_photons = states[..., one_each, :][..., one_each]
    bell = np.array([bell_state(name).real for name in BELL_STATES])
    shares: Real = np.einsum("...ij,bji->...b", of_photons, bell)
    return shares
