r"""All-photonic DI-QKD in pulses: from the hardware to the law P(herald, cause, a, b | x, y).

Every pulse is alike and independent of the others. Where something heralds, a heralded pulse is a
round; where nothing does, every pulse is one, and lost photons have an outcome too.

Noise of the pairs, and the sign between "psi+" and "psi-", turn the users' photons: the law is a
mixture over the four turns of either user's analyser (see ``pulsed_noise``).
"""

from __future__ import annotations

import math
from itertools import product
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from qnetsim.channels.fibre import Fibre
from qnetsim.nodes.detector import Detector
from qnetsim.nodes.photonic import Pairs, PairSource, PhotonPair, PhotonRelay, PhotonUser
from qnetsim.physics import fock, herald_causes, photonic, spdc
from qnetsim.physics.amplifier import NonDemolition, SplitPhotons, single_photon_emission
from qnetsim.physics.pair_bell_test import outcome_table
from qnetsim.physics.swapping import HERALDS, EntangledPairs, Relay, Station, squeezed_pairs
from qnetsim.protocols import pulsed_noise
from qnetsim.protocols.diqkd import ChshTerm, KeyPair
from qnetsim.protocols.pulse_law import EVERY_PULSE, HeraldedLight, PulseLaw
from qnetsim.protocols.pulsed_noise import TURNS, Exchanged, Z, turned, turned_states
from qnetsim.spec import Probability, Spec, described

Real = NDArray[np.float64]


class PulsedDIQKD(Spec):
    """DI-QKD in pulses of light, Alice's settings X and Bob's Y."""

    settings: Literal["drawn", "in-turn"] = described(
        "uniformly at random for each round; or each pair of settings for a block of rounds"
    )
    key_pairs: Annotated[list[KeyPair], Field(min_length=1)] = described(
        "the settings (X, Y) whose outcomes are key"
    )
    key_anticorrelated: bool = described("whether key outcomes differ where there is no error")
    chsh_terms: Annotated[list[ChshTerm], Field(min_length=4, max_length=4)] = described(
        "X, Y and sign of each term of S"
    )
    bound: Literal["chsh", "two-basis", "none"] = described("the entropy bound of the key rate")
    keep_no_click: Probability = described(
        "chance that either party keeps a key round with the outcome of no click", default=1.0
    )
    flip_probability: Probability = described(
        "chance that Alice flips a key bit (noisy preprocessing)", default=0.0
    )


class PulsedLink(NamedTuple):
    """The hardware of an all-photonic link.

    Attributes:
        source: of the shared pairs.
        users: Alice and Bob.
        fibres: from the source to each user, or to the herald in front.
        relay_fibres: from the source of each user's relay to its station, if not side by side.
    """

    source: PairSource
    users: tuple[PhotonUser, PhotonUser]
    fibres: tuple[Fibre, Fibre]
    relay_fibres: tuple[Fibre | None, Fibre | None] = (None, None)

    @property
    def heralded(self) -> bool:
        """Whether anything heralds."""
        return any(user.herald != "none" for user in self.users)


def pulse_law(link: PulsedLink) -> PulseLaw:
    """Returns the law of one pulse, exact in photon numbers (see ``physics``).

    Args:
        link: the hardware; where it heralds, pairs are in one mode or single.
    """
    if not link.heralded:
        clicks = _bare_clicks(link)
        return PulseLaw(_outcomes(link, clicks)[:, :, None, None])
    clicks, states, heralds = _heralded(link)
    table = _outcomes(link, clicks)  # (causes, heralds, X, Y, 2, 2)
    light = HeraldedLight(states, pulsed_noise.named_bell_state(link.source, link.users))
    return PulseLaw(table.transpose(2, 3, 1, 0, 4, 5), heralds, herald_causes.CAUSES, light)


def _outcomes(link: PulsedLink, clicks: Real) -> Real:
    first, second = link.users
    return outcome_table(clicks, (first.rule, second.rule))


# --- nothing heralds -----------------------------------------------------------------------------


def _bare_clicks(link: PulsedLink) -> Real:
    """Returns P(click sets | x, y), shape (X, Y, 4, 4)."""
    source = link.source
    alice_rad, bob_rad = (np.radians(user.angles_deg) for user in link.users)
    if source.state == "hh+vv":
        bob_rad = np.pi / 2 - bob_rad
    analysers = spdc.linear(alice_rad)[:, None], spdc.linear(bob_rad)[None]
    state = spdc.PairState(
        math.radians(source.angle_deg), coherence=source.coherence, visibility=source.visibility
    )
    receivers = _receiver(link, 0), _receiver(link, 1)
    if source.statistics == "single":
        pair = spdc.pair_clicks(state, analysers, receivers)
        nothing = spdc.pulse_clicks(spdc.SpdcSource(state, 0.0), analysers, receivers)
        return source.mean_pairs * pair + (1 - source.mean_pairs) * nothing
    modes = math.inf if source.statistics == "poisson" else source.modes
    return spdc.pulse_clicks(spdc.SpdcSource(state, source.mean_pairs, modes), analysers, receivers)


def _receiver(link: PulsedLink, party: int) -> spdc.Receiver:
    detector = _user_detector(link, party)
    efficiency = detector.efficiency * _channel(link, party)
    return spdc.Receiver((efficiency, efficiency), detector.dark_probability)


# --- something heralds ---------------------------------------------------------------------------


def _heralded(link: PulsedLink) -> tuple[Real, Real, tuple[str, ...]]:
    """Returns what clicks, what the users hold, and the heralds' names.

    Returns:
        P(cause, herald, click sets | x, y), shape (4, H, X, Y, 4, 4); the states, shape
        (H, 4, 9, 9); the names.
    """
    first, second = (_heralds(user) for user in link.users)
    pairs = list(product(first.items(), second.items()))
    clicks: Real = np.zeros(())
    states: Real = np.zeros(())
    for exchanged, noise in pulsed_noise.noise(link.source, link.users).items():
        hardware = _hardware(link, exchanged)
        framed = []
        for (name_a, frame_a), (name_b, frame_b) in pairs:
            place = _place(link.users[0], name_a), _place(link.users[1], name_b)
            turns = np.arange(TURNS)
            framed.append((place, noise[np.ix_(turns ^ frame_a, turns ^ frame_b)]))
        clicks = clicks + _clicks(link, hardware, framed)
        held = herald_causes.states_by_cause(hardware)
        states = states + np.stack(
            [turned_states(held[:, a, b], weights) for (a, b), weights in framed]
        )
    names = tuple(" ".join(n for n in (a, b) if n) for (a, _), (b, _) in pairs)
    return clicks, states, names


def _clicks(
    link: PulsedLink,
    hardware: photonic.PhotonicLink,
    heralds: list[tuple[tuple[int, int], Real]],
) -> Real:
    """Returns the clicks of some hardware, shape (4, H, X, Y, 4, 4).

    Args:
        link: the link.
        hardware: the same.
        heralds: the place of each in the physics, and the chances of its turns.
    """
    chances = np.sum([weights for _, weights in heralds], axis=0)
    turns = [np.flatnonzero(chances.sum(axis=1 - party)).tolist() for party in (0, 1)]
    angles = [
        np.concatenate([turned(np.radians(user.angles_deg), turn) for turn in turns[party]])
        for party, user in enumerate(link.users)
    ]
    table = herald_causes.outcomes_by_cause(hardware, *angles)
    shape = [n for i in (0, 1) for n in (len(turns[i]), len(link.users[i].angles_deg))]
    table = table.reshape(*table.shape[:3], *shape, 4, 4)
    return np.stack(
        [
            np.einsum("ckxlyab,kl->cxyab", table[:, a, b], weights[np.ix_(*turns)])
            for (a, b), weights in heralds
        ],
        axis=1,
    )


def _heralds(user: PhotonUser) -> dict[str, int]:
    """Returns the names that a user's herald announces, and how the user turns on each.

    A user without one is on its own with the name of no herald.
    """
    relay = user.active_relay
    if relay is not None:
        return {name: Z if name == "psi-" else 0 for name in relay.station.accept}
    return {"photon" if user.herald == "non-demolition" else EVERY_PULSE: 0}


def _place(user: PhotonUser, name: str) -> int:
    return HERALDS.index(name) if user.active_relay else 0


# --- the parts -----------------------------------------------------------------------------------


def _hardware(link: PulsedLink, exchanged: Exchanged) -> photonic.PhotonicLink:
    sides = []
    for party, user in enumerate(link.users):
        herald: photonic.Herald | None = None
        if user.active_relay:
            channel = _relay_channel(link, party)
            herald = _relay(user.active_relay, channel, exchanged[1 + party])
        elif user.non_demolition and user.herald == "non-demolition":
            herald = NonDemolition(*user.non_demolition.model_dump().values())
        sides.append(photonic.Side(_user_detector(link, party), _channel(link, party), herald))
    return photonic.PhotonicLink(emitted(link.source, exchanged[0]), sides[0], sides[1])


def emitted(pairs: Pairs, exchanged: bool = False) -> EntangledPairs:
    """Returns a source in one mode, or of one pair at most, by its numbers of pairs.

    Args:
        pairs: the source.
        exchanged: whether each term has the other one's share.
    """
    share = 1 - pairs.first_share if exchanged else pairs.first_share
    if pairs.statistics == "single":
        return EntangledPairs((1 - pairs.mean_pairs, pairs.mean_pairs), (share, 1 - share))
    return squeezed_pairs(pairs.mean_pairs, share)


def _relay(relay: PhotonRelay, local_channel: float, exchanged: bool) -> Relay:
    station, local = relay.station, relay.local
    source: photonic.Source
    if isinstance(local, PhotonPair):
        emission = single_photon_emission(local.mean_photons, local.g2)
        source = SplitPhotons(local.splitter_transmission, emission if local.g2 else emission[:2])
    else:
        source = emitted(local, exchanged)
    detector = _detector(station.detector, station.window_s, station.optics_transmission)
    return Relay(source, Station(detector, (1.0, local_channel), station.photon_overlap))


def _channel(link: PulsedLink, party: int) -> float:
    """Returns the chance that a photon of the source gets through its coupling and fibre."""
    return link.source.coupling_efficiency * _transmission(link, link.fibres[party])


def _relay_channel(link: PulsedLink, party: int) -> float:
    relay, fibre = link.users[party].active_relay, link.relay_fibres[party]
    coupling = relay.local.coupling_efficiency if relay and isinstance(relay.local, Pairs) else 1.0
    return coupling * (_transmission(link, fibre) if fibre else 1.0)


def _transmission(link: PulsedLink, fibre: Fibre) -> float:
    return math.prod(fibre.losses(link.source.wavelength_m).values())


def _user_detector(link: PulsedLink, party: int) -> fock.Detector:
    """Returns a user's detector; what a relay's pairs lose on the way to it belongs to it."""
    user = link.users[party]
    detector = _detector(user.detector, user.window_s, user.optics_transmission)
    relay = user.active_relay
    if relay and isinstance(relay.local, Pairs):
        coupled = detector.efficiency * relay.local.coupling_efficiency
        detector = detector._replace(efficiency=coupled)
    return detector


def _detector(detector: Detector, window_s: float, optics: float) -> fock.Detector:
    return fock.Detector(
        optics * detector.efficiency,
        detector.dark_probability(window_s),
        detector.number_resolving,
    )
