"""A pair source between two memories that absorb: which of them announce, and what they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.physics.states import bell_state

CAUSES: tuple[str, ...] = ("true pair", "two pairs", "dark count")
"""What can make both memories announce a photon."""

_MIXED = np.eye(4) / 4


class PairPulse(NamedTuple):
    """What a source sends in a pulse.

    Attributes:
        one: the chance of one pair.
        two: the chance of two, independent and distinguishable.
        visibility: V of each pair's state V |psi+><psi+| + (1 - V)/4.
    """

    one: float
    two: float
    visibility: float


def midpoint_click_states(
    pulse: PairPulse, efficiencies: tuple[float, float], dark_probability: float
) -> NDArray[np.float64]:
    """Returns the memories' state behind each set of announcements, split by cause.

    A memory that absorbs photons of two pairs holds either's with equal chance; so of the heralds
    of two pairs every other one holds two photons that belong together. What announces without a
    photon holds nothing: it is taken as completely mixed.

    Args:
        pulse: what the source sends.
        efficiencies: (e1, e2), from the source to an announced, stored photon.
        dark_probability: pd, the chance that a memory announces a photon without one.

    Returns:
        Array of shape (3, 4, 4, 4): by ``CAUSES``, set of announcing memories (bit 0 the first's)
        and memories. The traces sum to 1.
    """
    e1, e2 = efficiencies
    pair = pulse.visibility * bell_state("psi+").real + (1 - pulse.visibility) * _MIXED
    states = np.zeros((len(CAUSES), 4, 4, 4))
    none = 1 - pulse.one - pulse.two
    emitted = (
        (none, (0.0, 0.0), 0, _MIXED),
        (pulse.one, (e1, e2), 0, pair),
        (pulse.two, (1 - (1 - e1) ** 2, 1 - (1 - e2) ** 2), 1, (pair + _MIXED) / 2),
    )
    for chance, absorbed, cause, state in emitted:
        for photons in range(4):
            lit = [absorbed[i] if photons >> i & 1 else 1 - absorbed[i] for i in (0, 1)]
            for dark in range(4):
                if dark & photons:
                    continue
                k, free = dark.bit_count(), 2 - photons.bit_count()
                weight = chance * lit[0] * lit[1]
                weight *= dark_probability**k * (1 - dark_probability) ** (free - k)
                held = state if photons == 3 else _MIXED
                states[2 if dark else cause, photons | dark] += weight * held
    return states
