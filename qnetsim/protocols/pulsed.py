r"""All-photonic DI-QKD in pulses: from the hardware to the law P(herald, cause, a, b | x, y).

Every pulse is alike and independent of the others. Where something heralds, a heralded pulse is a
round; where nothing does, every pulse is one, and lost photons have an outcome too.

White noise and lost coherence of a pair are random Pauli operators on its photons. The heralds
treat both polarisations alike, so a Pauli operator in front of one is the same operator behind it,
on the user's photon; and a "psi-" is a "psi+" with a Z behind it. All of them turn analysers: the
law is a mixture over the four turns of either user's angles.
"""

from __future__ import annotations

import math
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
from qnetsim.protocols.diqkd import ChshTerm, KeyPair
from qnetsim.spec import Probability, Spec, described

Real = NDArray[np.float64]

EVERY_PULSE = ""
"""What stands in the place of a herald's name, and of its cause, where nothing heralds."""

_Z, _X = 1, 2
"""A turn is a bit mask: Z takes an analyser's angle to its negative, X to 90 degrees less it."""
_TURNS = 4


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


class PulseLaw(NamedTuple):
    """The law of one pulse.

    Attributes:
        table: P(herald, cause, a, b | x, y), shape (X, Y, heralds, causes, 2, 2), outcomes in the
            order +1, -1. It sums to the herald probability.
        heralds: their names, Alice's side first.
        causes: what can stand behind one.
    """

    table: Real
    heralds: tuple[str, ...] = (EVERY_PULSE,)
    causes: tuple[str, ...] = (EVERY_PULSE,)

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


def pulse_law(link: PulsedLink) -> PulseLaw:
    """Returns the law of one pulse, exact in photon numbers (see ``physics``).

    Args:
        link: the hardware; where it heralds, pairs are balanced and in one mode or single.
    """
    if not link.heralded:
        clicks = _bare_clicks(link)
        return PulseLaw(_outcomes(link, clicks)[:, :, None, None])
    clicks, heralds = _heralded_clicks(link)
    table = _outcomes(link, clicks)  # (causes, heralds, X, Y, 2, 2)
    return PulseLaw(table.transpose(2, 3, 1, 0, 4, 5), heralds, herald_causes.CAUSES)


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


def _heralded_clicks(link: PulsedLink) -> tuple[Real, tuple[str, ...]]:
    """Returns P(cause, herald, click sets | x, y), shape (4, H, X, Y, 4, 4), and the names."""
    sides = [_heralds(user) for user in link.users]
    noise = _noise(link)
    turns = [sorted({k ^ f for k in noise[i] for f in sides[i].values()}) for i in (0, 1)]
    angles = [
        np.concatenate([_turned(np.radians(user.angles_deg), turn) for turn in turned])
        for user, turned in zip(link.users, turns, strict=True)
    ]
    hardware = _hardware(link)
    table = herald_causes.outcomes_by_cause(hardware, *angles)
    shape = [n for i in (0, 1) for n in (len(turns[i]), len(link.users[i].angles_deg))]
    table = table.reshape(*table.shape[:3], *shape, 4, 4)
    clicks, names = [], []
    for (name_a, frame_a), (name_b, frame_b) in (
        (a, b) for a in sides[0].items() for b in sides[1].items()
    ):
        place = _place(link.users[0], name_a), _place(link.users[1], name_b)
        weights = [
            [noise[i].get(turn ^ frame, 0.0) for turn in turns[i]]
            for i, frame in enumerate((frame_a, frame_b))
        ]
        clicks.append(np.einsum("ckxlyab,k,l->cxyab", table[:, place[0], place[1]], *weights))
        names.append(" ".join(name for name in (name_a, name_b) if name))
    return np.stack(clicks, axis=1), tuple(names)


def _heralds(user: PhotonUser) -> dict[str, int]:
    """Returns the names that a user's herald announces, and how the user turns on each.

    A user without one is on its own with the name of no herald.
    """
    relay = user.active_relay
    if relay is not None:
        return {name: _Z if name == "psi-" else 0 for name in relay.station.accept}
    return {"photon" if user.herald == "non-demolition" else EVERY_PULSE: 0}


def _place(user: PhotonUser, name: str) -> int:
    return HERALDS.index(name) if user.active_relay else 0


def _noise(link: PulsedLink) -> tuple[dict[int, float], dict[int, float]]:
    """Returns the chance of each turn of either user's photon.

    The heralds' physics has pairs HH + VV: where they are HV + VH, a photon is turned by X.
    """
    sides = []
    for user, turns in zip(link.users, (_paulis(link.source), {0: 1.0}), strict=True):
        relay = user.active_relay
        local = relay.local if relay else None
        sides.append(_joined(turns, _paulis(local)) if isinstance(local, Pairs) else turns)
    return sides[0], sides[1]


def _paulis(pairs: Pairs) -> dict[int, float]:
    """Returns the chance of each turn of one photon that makes a source's pairs of HH + VV."""
    white = (1 - pairs.visibility) / _TURNS
    kept = pairs.visibility * (1 + pairs.coherence) / 2
    weights = dict.fromkeys(range(_TURNS), white)
    weights[0] += kept
    weights[_Z] += pairs.visibility - kept
    flip = _X if pairs.state == "hv+vh" else 0
    return {turn ^ flip: weight for turn, weight in weights.items() if weight}


def _joined(first: dict[int, float], second: dict[int, float]) -> dict[int, float]:
    weights: dict[int, float] = {}
    for a, p in first.items():
        for b, q in second.items():
            weights[a ^ b] = weights.get(a ^ b, 0.0) + p * q
    return weights


def _turned(angles_rad: Real, turn: int) -> Real:
    turned = -angles_rad if turn & _Z else angles_rad
    return np.pi / 2 - turned if turn & _X else turned


# --- the parts -----------------------------------------------------------------------------------


def _hardware(link: PulsedLink) -> photonic.PhotonicLink:
    sides = []
    for party, user in enumerate(link.users):
        herald: photonic.Herald | None = None
        if user.active_relay:
            herald = _relay(user.active_relay, _relay_channel(link, party))
        elif user.non_demolition and user.herald == "non-demolition":
            herald = NonDemolition(*user.non_demolition.model_dump().values())
        sides.append(photonic.Side(_user_detector(link, party), _channel(link, party), herald))
    return photonic.PhotonicLink(emitted(link.source), sides[0], sides[1])


def emitted(pairs: Pairs) -> EntangledPairs:
    """Returns a source in one mode, or of one pair at most, by its numbers of pairs."""
    if pairs.statistics == "single":
        return EntangledPairs((1 - pairs.mean_pairs, pairs.mean_pairs))
    return squeezed_pairs(pairs.mean_pairs)


def _relay(relay: PhotonRelay, local_channel: float) -> Relay:
    station, local = relay.station, relay.local
    source: photonic.Source
    if isinstance(local, PhotonPair):
        emission = single_photon_emission(local.mean_photons, local.g2)
        source = SplitPhotons(local.splitter_transmission, emission if local.g2 else emission[:2])
    else:
        source = emitted(local)
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
