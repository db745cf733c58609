"""Photonic links: a source between two users, and what heralds on the way to them.

A link is a source of two arms and a side for either arm; on a side, perhaps, a herald stands in
front of the user. The users' measurements are pulled back through detectors, heralds and channels
to the source, and meet there.

States are followed photon number by photon number up to what the sources emit, without further
approximation. No source shares an optical phase with another and detectors count photons, so
coherence between different numbers of photons in an arm is never seen; it is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from qnetsim.physics.fock import (
    Detector,
    Operators,
    Real,
    analyser,
    mix_turns,
    number_projectors,
    pull_back_loss,
)

LIT, DARK = 0, 1
"""Whether photons alone made a herald, or a dark count or false herald had a part in it."""


class Source(Protocol):
    """A source with two arms, in a mixture of states |Psi> of real amplitudes."""

    @property
    def photons(self) -> int:
        """The most photons that it sends into an arm."""

    def pull_back(self, operators: Operators) -> Operators:
        r"""Returns :math:`K_{cc'} = \langle\Psi| (|c\rangle\langle c'| \otimes X) |\Psi\rangle`.

        Args:
            operators: X on the second arm, shape (..., N+1, N+1, N+1, N+1), N = ``photons``.

        Returns:
            The same shape; c and c' number the photons in the first arm. With E on that arm, the
            mean of E and X together is the sum of all E_cc' K_cc'.
        """


class Herald(Protocol):
    """What stands on a side between channel and user, and announces a photon."""

    def outgoing(self, arriving: int) -> int:
        """Returns the most photons that go on to the user."""

    def pull_back(self, operators: Operators, arriving: int) -> Operators:
        """Returns operators on what goes on to the user, pulled back to what arrives.

        Args:
            operators: shape (operators, n+1, n+1, n+1, n+1), n = ``outgoing(arriving)``.
            arriving: the most photons that arrive.

        Returns:
            Shape (2, heralds, operators, arriving+1, ...); the first axis is ``LIT``, ``DARK``.
        """


class Side(NamedTuple):
    """From the source to a user.

    Attributes:
        user: each of the two detectors behind the user's analyser; its efficiency holds all loss
            between the herald, or else the channel, and the click.
        transmission: of the channel.
        herald: what heralds at the channel's end, if anything does.
        turns: weights of random Pauli operators on what goes on to the user: none, Z, X, both.
    """

    user: Detector
    transmission: float = 1.0
    herald: Herald | None = None
    turns: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)


class PhotonicLink(NamedTuple):
    """A source between two users.

    Attributes:
        source: its first arm goes to Alice, its second one to Bob.
        alice: her side.
        bob: his side.
    """

    source: Source
    alice: Side
    bob: Side


def herald_probability(link: PhotonicLink) -> Real:
    """Returns the probability of each herald in one pulse.

    Returns:
        Shape (heralds of Alice's side, heralds of Bob's side): 2 for a relay (``swapping.HERALDS``,
        either with both of its click sets), 1 for other heralds and for none.
    """

    def anything(most: int) -> Operators:
        return _sum(number_projectors(most), 0)[None]

    return _sum(joint_means(link, anything, anything), 0, 3, 4)


def outcome_probabilities(link: PhotonicLink, alice_rad: ArrayLike, bob_rad: ArrayLike) -> Real:
    """Returns the joint probabilities of heralds and outcomes, P(herald, a, b | x, y).

    Args:
        link: the hardware.
        alice_rad: angles of Alice's analyser in rad, shape (X,).
        bob_rad: angles of Bob's analyser in rad, shape (Y,).

    Returns:
        Shape (heralds of Alice's side, of Bob's side, X, Y, 4, 4); the last two axes are the
        users' ``fock.OUTCOMES`` and sum to ``herald_probability``.
    """

    def measured(angles_rad: ArrayLike, user: Detector) -> Callable[[int], Operators]:
        return lambda most: analyser(angles_rad, user, most).reshape(-1, *[most + 1] * 4)

    joint = joint_means(
        link, measured(alice_rad, link.alice.user), measured(bob_rad, link.bob.user)
    )
    table = _sum(joint, 0)
    table = table.reshape(*table.shape[:2], np.size(alice_rad), 4, np.size(bob_rad), 4)
    return table.swapaxes(3, 4)


class HeraldShares(NamedTuple):
    """What stands behind a herald; the four sum to its probability.

    The photons counted are those that leave for the users' detectors.

    Attributes:
        pair: photons made the herald, and either user is sent exactly one.
        vacuum: photons made the herald, and a user is sent none.
        multiphoton: photons made the herald, both users are sent some, one of them several.
        dark: a dark count or a false herald had a part in it.
    """

    pair: Real
    vacuum: Real
    multiphoton: Real
    dark: Real


def herald_shares(link: PhotonicLink) -> HeraldShares:
    """Returns the probability of each herald, split by what stands behind it.

    Returns:
        Arrays of the shape of ``herald_probability``.
    """
    joint = joint_means(link, number_projectors, number_projectors)
    lit = joint[LIT]
    return HeraldShares(
        pair=lit[:, :, 1, 1],
        vacuum=_sum(lit[:, :, :1], 2, 3) + _sum(lit[:, :, 1:, :1], 2, 3),
        multiphoton=_sum(lit[:, :, 2:, 1:], 2, 3) + lit[:, :, 1, 2],
        dark=_sum(joint[DARK], 2, 3),
    )


def users_state(link: PhotonicLink, photons: int = 1) -> Real:
    """Returns the users' state behind each herald, up to a number of photons on either side.

    Args:
        link: the hardware; the loss and dark counts of the users' detectors play no part.
        photons: the largest number of photons on a side.

    Returns:
        Shape (heralds of Alice's side, of Bob's side, D, D), not normalised, in the basis of
        ``polarisation_basis`` of Alice times that of Bob. Its trace is the probability of the
        herald with no more photons than that on either side.
    """
    return _sum(users_state_parts(link, photons), 0)


def users_state_parts(link: PhotonicLink, photons: int = 1) -> Real:
    """Returns ``users_state`` split by what made the herald, shape (2, ...): ``LIT``, ``DARK``."""

    def units(most: int) -> Operators:
        return _matrix_units(photons, most)

    joint = joint_means(link, units, units)
    kinds, size = joint.shape[:3], len(polarisation_basis(photons))
    parts = joint.reshape(*kinds, size, size, size, size).swapaxes(4, 5)
    return parts.reshape(*kinds, size**2, size**2)


def polarisation_basis(photons: int) -> list[tuple[int, int]]:
    """Returns the numbers (of H, of V): (0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), ..."""
    return [(n - v, v) for n in range(photons + 1) for v in range(n + 1)]


def _matrix_units(photons: int, most: int) -> Operators:
    """Returns |j><i| for all i, j of a basis, whose means are the elements ij of a state.

    Those between different numbers of photons are zero (see the module).
    """
    basis = polarisation_basis(photons)
    units = np.zeros((len(basis), len(basis), *[most + 1] * 4))
    for i, ket in enumerate(basis):
        for j, bra in enumerate(basis):
            if sum(ket) == sum(bra) <= most:
                units[(i, j, *bra, *ket)] = 1.0
    return units.reshape(-1, *[most + 1] * 4)


def joint_means(
    link: PhotonicLink,
    for_alice: Callable[[int], Operators],
    for_bob: Callable[[int], Operators],
) -> Real:
    """Returns the means of products of the users' operators behind each herald.

    Args:
        link: the hardware.
        for_alice: gives her operators, shape (A, n+1, n+1, n+1, n+1), for at most n photons.
        for_bob: his, B of them.

    Returns:
        Shape (2, heralds of Alice's side, of Bob's side, A, B); first axis ``LIT``, ``DARK``.
    """
    alice = _pulled_back(link.alice, for_alice, link.source.photons)
    bob = link.source.pull_back(_pulled_back(link.bob, for_bob, link.source.photons))
    means = np.einsum("pgijklm,qhnjklm->pqghin", alice, bob, optimize=True)
    dark = means[LIT, DARK] + means[DARK, LIT] + means[DARK, DARK]
    return np.stack([means[LIT, LIT], dark])


def _pulled_back(side: Side, operators_for: Callable[[int], Operators], arriving: int) -> Operators:
    """Returns a user's operators at the source: (2, heralds, operators, arriving+1, ...)."""
    most = side.herald.outgoing(arriving) if side.herald else arriving
    operators = mix_turns(operators_for(most), side.turns)
    if side.herald is None:
        behind = np.stack([operators, np.zeros_like(operators)])[:, None]
    else:
        behind = side.herald.pull_back(operators, arriving)
    return pull_back_loss(behind, (side.transmission, side.transmission))


def _sum(array: Real, *axes: int) -> Real:
    return np.asarray(array.sum(axis=axes))
