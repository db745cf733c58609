"""What stands behind the heralds of a photonic link, jointly with what the users see."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.physics.fock import Detector, Operators, Real, analyser, scale_by_number
from qnetsim.physics.photonic import (
    DARK,
    LIT,
    HeraldShares,
    PhotonicLink,
    joint_means,
    polarisation_basis,
    users_state_parts,
)

CAUSES = HeraldShares._fields
"""The causes, in the order of every cause axis; see ``photonic.HeraldShares``."""

_NONE, _ONE, _SEVERAL = range(3)
_CLASSES = 3
_OUTCOMES = 4


def outcomes_by_cause(link: PhotonicLink, alice_rad: ArrayLike, bob_rad: ArrayLike) -> Real:
    """Returns the joint probabilities P(cause, herald, a, b | x, y).

    Args:
        link: the hardware.
        alice_rad: angles of Alice's analyser in rad, shape (X,).
        bob_rad: angles of Bob's analyser in rad, shape (Y,).

    Returns:
        Shape (4, heralds of Alice's side, of Bob's side, X, Y, 4, 4), the first axis as
        ``CAUSES``. Summed over it, it is ``photonic.outcome_probabilities``; summed over the
        last two axes, ``photonic.herald_shares``.
    """
    joint = joint_means(
        link,
        lambda most: _measured(alice_rad, link.alice.user, most),
        lambda most: _measured(bob_rad, link.bob.user, most),
    )
    shape = (np.size(alice_rad), _OUTCOMES, _CLASSES, np.size(bob_rad), _OUTCOMES, _CLASSES)
    by_number = joint.reshape(*joint.shape[:3], *shape)
    # (lit or dark, number of Alice's photons, of Bob's, heralds, heralds, X, Y, a, b)
    by_number = by_number.transpose(0, 5, 8, 1, 2, 3, 6, 4, 7)
    lit = by_number[LIT]
    pair = lit[_ONE, _ONE]
    vacuum = lit[_NONE].sum(axis=0) + lit[1:, _NONE].sum(axis=0)
    several = lit[_SEVERAL, 1:].sum(axis=0) + lit[_ONE, _SEVERAL]
    return np.stack([pair, vacuum, several, by_number[DARK].sum(axis=(0, 1))])


def states_by_cause(link: PhotonicLink) -> Real:
    """Returns what the users hold behind each herald by its cause, up to one photon each.

    Returns:
        Shape (4, heralds of Alice's side, of Bob's side, 9, 9), the first axis as ``CAUSES``,
        not normalised. Summed over it, it is ``photonic.users_state``; "multiphoton" has nothing
        in it, and what is missing in the traces holds several photons on a side.
    """
    lit, dark = users_state_parts(link)
    photons = [sum(at) for at in polarisation_basis(1)]
    both = np.outer(photons, photons).ravel() == 1
    pair = np.where(np.outer(both, both), lit, 0.0)
    return np.stack([pair, lit - pair, np.zeros_like(lit), dark])


def _measured(angles_rad: ArrayLike, user: Detector, most: int) -> Operators:
    """Returns an analyser's outcomes split by the number of photons, none, one or several."""
    outcomes = analyser(angles_rad, user, most)
    number = np.arange(most + 1)
    classes = [number == 0, number == 1, number > 1]
    split = [scale_by_number(outcomes, members.astype(float)) for members in classes]
    return np.stack(split, axis=2).reshape(-1, *[most + 1] * 4)
