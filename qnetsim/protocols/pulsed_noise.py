r"""The noise of photon pairs behind heralds, as turns of the users' photons.

White noise and lost coherence of a pair are random Pauli operators on its photons. The stations
treat both polarisations alike, so a Pauli operator in front of one is the same operator behind it,
on the user's photon, and a "psi-" is a "psi+" with a Z behind it. Where a source favours one of its
two terms, an X on both of its photons, or on one and at the station on the other source's, also
exchanges the terms' shares. So noise is a mixture over exchanges and turns.

A turn is a bit mask of ``Z`` and ``X``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from qnetsim.nodes.photonic import Pairs, PairSource, PhotonUser

Real = NDArray[np.float64]

Z, X = 1, 2
"""Z takes an analyser's angle to its negative, X to 90 degrees less it."""

TURNS = 4

Exchanged = tuple[bool, bool, bool]
"""Whether the terms of the shared pairs, of Alice's relay and of Bob's have exchanged shares."""

_BELL_STATES = {0: "phi+", Z: "phi-", X: "psi+", X | Z: "psi-"}


def turned(angles_rad: Real, turn: int) -> Real:
    """Returns the angles that analysers seem to have to a photon that was turned."""
    angles = -angles_rad if turn & Z else angles_rad
    return np.pi / 2 - angles if turn & X else angles


def turned_states(states: Real, weights: Real) -> Real:
    """Returns states under random turns.

    Args:
        states: shape (..., 9, 9), in the basis (vacuum, H, V) of Alice times that of Bob.
        weights: the chance of each turn of Alice's photon and of Bob's, shape (4, 4).
    """
    one = np.array([_unitary(turn) for turn in range(TURNS)])
    both = np.einsum("aij,bkl->abikjl", one, one).reshape(TURNS, TURNS, 9, 9)
    mixed: Real = np.einsum("ab,abij,...jk,ablk->...il", weights, both, states, both, optimize=True)
    return mixed


def _unitary(turn: int) -> Real:
    unitary = np.eye(3)
    if turn & Z:
        unitary[2] *= -1
    return unitary[[0, 2, 1]] if turn & X else unitary


def noise(source: PairSource, users: Sequence[PhotonUser]) -> dict[Exchanged, Real]:
    """Returns the chances of the turns of Alice's photon and of Bob's, by what is exchanged.

    Args:
        source: of the shared pairs. Where pairs are HV + VH, the second photon of the HH + VV of
            the physics is turned by X.
        users: Alice and Bob.

    Returns:
        Arrays of shape (4, 4), Alice's turn first, that sum to 1 together.
    """
    locals_ = [_local_pairs(user) for user in users]
    # A pair's second photon goes to Bob, a relay's to its user.
    terms = [_terms(source), *(_terms(pairs) if pairs else {(False, 0): 1.0} for pairs in locals_)]
    at_bob = locals_[1]
    weights: dict[Exchanged, Real] = defaultdict(lambda: np.zeros((TURNS, TURNS)))
    for shared, alice, bob in product(*(term.items() for term in terms)):
        (exchanged, turn), (alice_exchanged, alice_turn) = shared[0], alice[0]
        bob_exchanged, bob_turn = bob[0]
        if turn & X and at_bob and not at_bob.balanced:
            bob_exchanged = not bob_exchanged
        chances = weights[exchanged, alice_exchanged, bob_exchanged]
        chances[alice_turn, turn ^ bob_turn] += shared[1] * alice[1] * bob[1]
    return dict(weights)


def named_bell_state(source: PairSource, users: Sequence[PhotonUser]) -> str:
    """Returns the Bell state that perfect balanced parts leave the users behind a herald.

    Behind a "psi-" it is that after the user's turn by Z.
    """
    turn = _ideal_turn(source)
    for user in users:
        pairs = _local_pairs(user)
        if pairs:
            # Between pairs HH + VV, "psi+" leaves HV + VH; single photons leave what arrives.
            turn ^= X ^ _ideal_turn(pairs)
    return _BELL_STATES[turn]


def _local_pairs(user: PhotonUser) -> Pairs | None:
    relay = user.active_relay
    return relay.local if relay and isinstance(relay.local, Pairs) else None


def _ideal_turn(pairs: Pairs) -> int:
    """Returns the turn of the second photon that makes a source's pairs of HH + VV."""
    return (X if pairs.state == "hv+vh" else 0) ^ (Z if pairs.opposed else 0)


def _terms(pairs: Pairs) -> dict[tuple[bool, int], float]:
    """Returns the chance of each exchange of shares and turn of a source's second photon."""
    kept = pairs.visibility * (1 + pairs.coherence) / 2
    exchanges = (False,) if pairs.balanced else (False, True)
    white = (1 - pairs.visibility) / (TURNS * len(exchanges))
    weights = dict.fromkeys(product(exchanges, range(TURNS)), white)
    weights[False, 0] += kept
    weights[False, Z] += pairs.visibility - kept
    ideal = _ideal_turn(pairs)
    return {
        (exchanged, turn ^ ideal): weight for (exchanged, turn), weight in weights.items() if weight
    }
