r"""Entanglement swapping: pair sources and the Bell-state station that joins them.

Two pair sources with a station between them are a link with one relay; with the relay's source
beside the user it is also the qubit amplifier that runs on pairs. A single pair has the state
:math:`|\Phi^+\rangle = (|HH\rangle + |VV\rangle)/\sqrt{2}`, and behind "psi+-" the users hold
:math:`|\Psi^\pm\rangle`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from qnetsim.physics.fock import (
    Detector,
    Operators,
    Real,
    diagonal,
    pull_back_loss,
    rotated_diagonal,
    shifts,
    splitting_amplitudes,
)
from qnetsim.physics.photonic import PhotonicLink, Side, Source

HERALDS: tuple[str, ...] = ("psi+", "psi-")
"""What a relay announces: one click of H and one of V, behind one output of the station's beam
splitter, or behind different ones. Either name has two click sets, equally likely and with the
same state behind them."""


class EntangledPairs(NamedTuple):
    r"""A source of polarisation-entangled pairs in one spatial and spectral mode.

    n pairs have the state
    :math:`(\sqrt{w_H}\, a_H^\dagger b_H^\dagger + \sqrt{w_V}\, a_V^\dagger b_V^\dagger)^n
    |0\rangle`, normalised: all n + 1 ways to share them between the polarisations, in
    superposition, h of them HH and v of them VV with a weight of :math:`w_H^h w_V^v`.

    Attributes:
        pairs: probabilities of 0, 1, ... pairs; ``(0.0, 1.0)`` is one pair on demand.
        weights: w_H and w_V, of which the ratio counts; not both 0. Equal ones are balanced pairs.
    """

    pairs: tuple[float, ...]
    weights: tuple[float, float] = (1.0, 1.0)

    @property
    def photons(self) -> int:
        """The most photons that it sends into an arm."""
        return len(self.pairs) - 1

    def pull_back(self, operators: Operators) -> Operators:
        """Returns operators on the second arm, pulled back to the first (see ``Source``)."""
        amplitudes = np.zeros((len(self.pairs), len(self.pairs)))
        for n, chance in enumerate(self.pairs):
            h = np.arange(n + 1)
            ways = _ways(self.weights, n)
            amplitudes[h, n - h] = np.sqrt(chance * ways / ways.sum())
        pulled: Operators = np.multiply.outer(amplitudes, amplitudes) * operators
        return pulled


def _ways(weights: tuple[float, float], pairs: int) -> Real:
    """Returns the weights of 0, 1, ... HH pairs among so many."""
    h = np.arange(pairs + 1.0)
    most = max(weights)
    ways: Real = (weights[0] / most) ** h * (weights[1] / most) ** h[::-1]
    return ways


def squeezed_pairs(
    mean_pairs: float, first_share: float = 0.5, tail: float = 1e-10
) -> EntangledPairs:
    r"""Returns a parametric down-conversion source with one spectral mode.

    The state :math:`\exp[\tanh r_H\, a_H^\dagger b_H^\dagger + \tanh r_V\, a_V^\dagger
    b_V^\dagger] |0\rangle / (\cosh r_H \cosh r_V)` holds h and v pairs with probability
    :math:`(1-x_H)(1-x_V) x_H^h x_V^v`, :math:`x = \tanh^2 r = \mu_i/(1+\mu_i)` of either
    polarisation's mean number of pairs.

    Args:
        mean_pairs: mu, the mean number of pairs in a pulse.
        first_share: the share of HH in them, so that :math:`\mu_H = \sinh^2 r_H` is this share
            of mu.
        tail: how much of <n(n-1)> is cut off with the large numbers, 1e-14 or more. Heralds take
            two photons, so a herald probability loses about as much or less.

    References:
        Kok and Braunstein, PRA 61, 042304 (2000).
    """
    shares = first_share, 1 - first_share
    # Those of the states, over mu: with it they would vanish where it does.
    weights = shares[0] / (1 + mean_pairs * shares[0]), shares[1] / (1 + mean_pairs * shares[1])
    vacuum = 1 / ((1 + mean_pairs * shares[0]) * (1 + mean_pairs * shares[1]))
    second_moment = 2 * (1 - shares[0] * shares[1])
    pairs: list[float] = []
    covered = 0.0
    while 1 - covered > tail:
        n = len(pairs)
        ways = vacuum * float(np.sum(_ways(weights, n))) * max(weights) ** n
        pairs.append(mean_pairs**n * ways)
        if n > 1:
            covered += n * (n - 1) * mean_pairs ** (n - 2) * ways / second_moment
    return EntangledPairs(tuple(pairs), weights)


class Station(NamedTuple):
    """A Bell-state station: a 50:50 beam splitter, polarising ones and four detectors behind it.

    Attributes:
        detector: each of the four.
        transmissions: of the arriving arm and the local one, down to the beam splitter.
        overlap: abs(<f1|f2>)^2 of the wave packets in the two arms, in [0, 1].
    """

    detector: Detector
    transmissions: tuple[float, float] = (1.0, 1.0)
    overlap: float = 1.0

    def clicks(self, limits: tuple[int, int]) -> Operators:
        """Returns the operators of one click at output 1 and none at output 2.

        Args:
            limits: (J, K), the most photons in the arriving and the local arm.

        Returns:
            Shape (2, J+1, K+1, J+1, K+1), for one polarisation: ``LIT`` and ``DARK``. For a click
            at output 2 multiply by (-1)^(j - j').
        """
        most = sum(limits)
        detector = self.detector
        operators = []
        for one in (detector.lit(most), detector.dark(most)):
            operators.append(self._inputs(np.outer(one, detector.silent(most)), limits))
        return pull_back_loss(np.array(operators), self.transmissions)

    def _inputs(self, weights: Real, limits: tuple[int, int]) -> Operators:
        """Returns the operator of click weights by the photon numbers at outputs 1 and 2.

        Photons of the local arm are split into those that overlap and j others, which halve
        between the outputs on their own.
        """
        arriving, local = limits
        operator = np.zeros((arriving + 1, local + 1) * 2)
        parts = splitting_amplitudes(self.overlap, local)
        for other in range(local + 1):
            amplitudes = parts[other, other:]
            alike = rotated_diagonal(np.pi / 4, weights, (arriving, local - other))
            operator[:, other:, :, other:] += np.outer(amplitudes, amplitudes)[:, None] * alike
            weights = (weights[1:, :-1] + weights[:-1, 1:]) / 2
        return operator


class Relay(NamedTuple):
    """A station that swaps entanglement from the arriving photons to a local source.

    Attributes:
        source: its first arm enters the station, its second one goes on to the user.
        station: with the arriving photons in its first arm.
        heralds: those that count.
    """

    source: Source
    station: Station
    heralds: tuple[str, ...] = HERALDS

    def outgoing(self, arriving: int) -> int:
        """Returns the most photons that go on to the user."""
        return self.source.photons

    def pull_back(self, operators: Operators, arriving: int) -> Operators:
        """Returns operators behind ``heralds``, pulled back to what arrives (see ``Herald``)."""
        lit, dark = self.station.clicks((arriving, self.source.photons))
        local = self.source.pull_back(operators)
        size = arriving + 1
        behind = np.zeros((2, len(self.heralds), *local.shape[:-4], size, size, size, size))
        for shift in shifts(lit):
            # What the local H photons lose, its V photons and the arriving H photons gain.
            h_lit, h_dark = diagonal(lit, shift), diagonal(dark, shift)
            v_lit, v_dark = (diagonal(one, -shift).T for one in (lit, dark))
            sent = diagonal(local, -shift)
            photons_only = h_lit @ sent @ v_lit
            others = h_dark @ sent @ (v_lit + v_dark) + h_lit @ sent @ v_dark
            # A click at the other output (see ``clicks``).
            mirror = -1 if shift % 2 else 1
            for kind, part in enumerate((photons_only, others)):
                for place, name in enumerate(self.heralds):
                    sign = mirror if name == "psi-" else 1
                    diagonal(behind[kind, place], shift)[:] = 2 * sign * part
        return behind


def swapped_pairs(
    sources: tuple[EntangledPairs, EntangledPairs],
    station: Station,
    users: tuple[Detector, Detector],
) -> PhotonicLink:
    """Returns the link of two pair sources whose inner arms meet in a station.

    Args:
        sources: Alice's and Bob's; where they stand is in the transmissions.
        station: its first arm comes from Alice's source, its second one from Bob's.
        users: Alice's and Bob's detectors; the efficiency holds the loss of the outer arm.
    """
    relay = Relay(sources[1], station)
    return PhotonicLink(sources[0], Side(users[0]), Side(users[1], herald=relay))


def swap_herald_probability(mean_pairs: tuple[float, float], station: Station) -> float:
    r"""Returns the closed-form herald probability of two swapped squeezed sources.

    Let alpha and beta be mean pairs times transmission times efficiency, halved (detections a
    polarisation from either arm), I the overlap. All four click sets together have

    .. math:: P = 4 (1-p_d)^2 q^2 (u + p_d)^2, \quad q = \frac{1}{(1+\alpha)(1+\beta)},

    and :math:`u = (1-p_d)\,[\tfrac{\alpha+\beta}{2} + \alpha\beta]\, q` where detectors resolve
    numbers; where they don't,

    .. math:: u = \frac{\frac{\alpha+\beta}{2} + \alpha\beta \frac{3+I}{4}}
        {1 + \frac{\alpha+\beta}{2} + \alpha\beta\frac{1-I}{4}}.

    Exact in the numbers of pairs and in pd: either arm is thermal in H and, on its own, in V.

    To leading order :math:`P = (\alpha+\beta)^2`. Of this :math:`2\alpha\beta` is one pair from
    either source, half of the heralds at best (alpha = beta); behind the rest stand two photons
    on one side and none on the other. With the station midway both transmissions are the root of
    the channel's eta and P falls as eta. With the station at one end alpha falls as eta, and beta
    must be lowered with it to keep the share of pairs: P falls as eta^2.

    Args:
        mean_pairs: of the sources in the station's first and second arm.
        station: with its first arm from the first source.
    """
    alpha, beta = (
        mu / 2 * transmission * station.detector.efficiency
        for mu, transmission in zip(mean_pairs, station.transmissions, strict=True)
    )
    pd = station.detector.dark_probability
    q = 1 / ((1 + alpha) * (1 + beta))
    mean, both = (alpha + beta) / 2, alpha * beta
    if station.detector.resolves_number:
        u = (1 - pd) * (mean + both) * q
    else:
        u = mean + both * (3 + station.overlap) / 4
        u /= 1 + mean + both * (1 - station.overlap) / 4
    return 4 * ((1 - pd) * q * (u + pd)) ** 2
