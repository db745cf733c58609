r"""All-photonic DI-QKD in pulses: from the hardware to the law P(herald, cause, a, b | x, y).

Every pulse is alike and independent of the others. Where something heralds, a heralded pulse is a
round; where nothing does, every pulse is one, and lost photons have an outcome too.

Noise of the pairs turns the users' photons (see ``pulsed_noise``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from qnetsim.physics.swapping import EntangledPairs, Relay, Station, squeezed_pairs
from qnetsim.protocols.diqkd import ChshTerm, IsolatedParties, KeyPair
from qnetsim.protocols.pulse_law import EVERY_PULSE, HeraldedLight, PulseLaw
from qnetsim.protocols.pulsed_noise import Mixed, mixture, named_bell_state
from qnetsim.spec import Probability, described

Real = NDArray[np.float64]


class PulsedDIQKD(IsolatedParties):
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
    bound: Literal["chsh", "two-basis", "sdp", "none"] = described(
        "the entropy bound of the key rate; 'sdp' with a certificate"
    )
    certificate: str | None = described(
        "file that proves the bound 'sdp', by its path from the scenario's folder; "
        "`qnetsim keyrate --save-certificate` writes one",
        default=None,
    )
    key_share: Probability | None = described(
        "share of rounds that would make key, for the bound 'sdp'; as they are played where absent",
        default=None,
    )
    keep_no_click: Probability = described(
        "chance that either party keeps a key round with the outcome of no click", default=1.0
    )
    flip_probability: Probability = described(
        "chance that Alice flips a key bit (noisy preprocessing)", default=0.0
    )

    def kept_chances(
        self, no_click: tuple[int, int]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Returns for either party the chances that it keeps a key round with outcome +1 and -1.

        Args:
            no_click: each party's outcome where nothing clicks.
        """
        keep = self.keep_no_click
        alice, bob = ((keep, 1.0) if none > 0 else (1.0, keep) for none in no_click)
        return alice, bob


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
    light = HeraldedLight(states, named_bell_state(link.source, link.users))
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

    Behind a "psi-" is what is behind a "psi+" after a Z, which its user undoes by turning the
    analyser: all heralds have one law.

    Returns:
        P(cause, herald, click sets | x, y), shape (4, H, X, Y, 4, 4); the states, shape
        (H, 4, 9, 9); the names.
    """
    angles = [np.radians(user.angles_deg) for user in link.users]
    clicks: Real = np.zeros(())
    states: Real = np.zeros(())
    for mixed in mixture(link.source, link.users):
        hardware = _hardware(link, mixed)
        clicks = clicks + herald_causes.outcomes_by_cause(hardware, *angles)[:, 0, 0]
        states = states + herald_causes.states_by_cause(hardware)[:, 0, 0]
    sides = (_heralds(user) for user in link.users)
    names = tuple(" ".join(name for name in pair if name) for pair in product(*sides))
    return np.stack([clicks] * len(names), axis=1), np.stack([states] * len(names)), names


def _heralds(user: PhotonUser) -> Sequence[str]:
    """Returns what a user's herald announces; a user without one is on its own."""
    if user.active_relay:
        return user.active_relay.station.accept
    return ["photon" if user.herald == "non-demolition" else EVERY_PULSE]


# --- the parts -----------------------------------------------------------------------------------


def _hardware(link: PulsedLink, mixed: Mixed) -> photonic.PhotonicLink:
    sides = []
    for party, user in enumerate(link.users):
        herald: photonic.Herald | None = None
        if user.active_relay:
            channel = _relay_channel(link, party)
            herald = _relay(user.active_relay, channel, mixed.exchanged[1 + party])
        elif user.non_demolition and user.herald == "non-demolition":
            herald = NonDemolition(*user.non_demolition.model_dump().values())
        none, z, x, both = mixed.turns[party].tolist()
        turns = none, z, x, both
        sides.append(
            photonic.Side(_user_detector(link, party), _channel(link, party), herald, turns)
        )
    return photonic.PhotonicLink(emitted(link.source, mixed.exchanged[0]), sides[0], sides[1])


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
    place = Station(detector, (1.0, local_channel), station.photon_overlap)
    return Relay(source, place, heralds=("psi+",))


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
