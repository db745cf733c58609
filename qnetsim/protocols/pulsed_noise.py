r"""The noise of photon pairs behind heralds, as turns of the users' photons.

White noise and lost coherence of a pair are random Pauli operators on its photons. The stations
treat both polarisations alike, so a Pauli operator in front of one is the same operator behind it,
on the user's photon. Where a source favours one of its two terms, an X on both of its photons, or
on one and at the station on the other source's, also exchanges the terms' shares. So noise is a
mixture over exchanges and turns.

A turn is a bit mask of Z and X.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from qnetsim.nodes.photonic import Pairs, PairSource, PhotonUser

Real = NDArray[np.float64]

_Z, _X = 1, 2
_TURNS = 4
_BELL_STATES = {0: "phi+", _Z: "phi-", _X: "psi+", _X | _Z: "psi-"}


class Mixed(NamedTuple):
    """A part of the mixture.

    Attributes:
        exchanged: whether the terms of the shared pairs, of Alice's relay and of Bob's have
            exchanged their shares.
        turns: weights of the turns of Alice's photon, and of Bob's: none, Z, X, both.
    """

    exchanged: tuple[bool, bool, bool]
    turns: tuple[Real, Real]


def mixture(source: PairSource, users: Sequence[PhotonUser]) -> Iterator[Mixed]:
    """Yields the parts of the noise; the products of their weights sum to 1.

    Args:
        source: of the shared pairs. Where pairs are HV + VH, the second photon of the HH + VV of
            the physics is turned by X.
        users: Alice and Bob.
    """
    at_alice, at_bob = (_local_pairs(user) for user in users)
    exchanges = bool(at_bob and not at_bob.balanced)
    # A pair's second photon goes to Bob, a relay's to its user.
    bob: dict[tuple[bool, bool], Real] = defaultdict(lambda: np.zeros(_TURNS))
    for (shared, arriving), (own, leaving) in product(
        _terms(source).items(), _terms(at_bob).items()
    ):
        for turn, other in np.ndindex(_TURNS, _TURNS):
            exchanged = own ^ (exchanges and bool(turn & _X))
            bob[shared, exchanged][turn ^ other] += arriving[turn] * leaving[other]
    for (own, turns), ((shared, at_station), others) in product(
        _terms(at_alice).items(), bob.items()
    ):
        yield Mixed((shared, own, at_station), (turns, others))


def named_bell_state(source: PairSource, users: Sequence[PhotonUser]) -> str:
    """Returns the Bell state that perfect balanced parts leave the users behind a herald.

    Behind a "psi-" it is that after the user's turn by Z.
    """
    turn = _ideal_turn(source)
    for user in users:
        pairs = _local_pairs(user)
        if pairs:
            # Between pairs HH + VV, "psi+" leaves HV + VH; single photons leave what arrives.
            turn ^= _X ^ _ideal_turn(pairs)
    return _BELL_STATES[turn]


def _local_pairs(user: PhotonUser) -> Pairs | None:
    relay = user.active_relay
    return relay.local if relay and isinstance(relay.local, Pairs) else None


def _ideal_turn(pairs: Pairs) -> int:
    """Returns the turn of the second photon that makes a source's pairs of HH + VV."""
    return (_X if pairs.state == "hv+vh" else 0) ^ (_Z if pairs.opposed else 0)


def _terms(pairs: Pairs | None) -> dict[bool, Real]:
    """Returns the chances of the turns of a source's second photon, by whether it has exchanged."""
    if pairs is None:
        return {False: np.array([1.0, 0.0, 0.0, 0.0])}
    exchanges = (False,) if pairs.balanced or pairs.visibility == 1 else (False, True)
    white = (1 - pairs.visibility) / (_TURNS * len(exchanges))
    weights = {exchanged: np.full(_TURNS, white) for exchanged in exchanges}
    kept = pairs.visibility * (1 + pairs.coherence) / 2
    weights[False][0] += kept
    weights[False][_Z] += pairs.visibility - kept
    ideal = np.arange(_TURNS) ^ _ideal_turn(pairs)
    return {exchanged: chances[ideal] for exchanged, chances in weights.items()}
