"""Heralded links with noisy sources that favour a term, against multiplied creation operators.

The independent model flips and signs the light of each source by hand, follows it through all
losses to every final mode, and names a herald's Bell state by what perfect parts leave behind it.
One pair a source at most: numbers of pairs are the business of ``test_swapping``.
"""

from __future__ import annotations

from itertools import product
from math import cos, radians, sin
from typing import Any, NamedTuple

import numpy as np
import pytest
from creation import (
    HV,
    Counts,
    Eye,
    Rules,
    Terms,
    analyser,
    count_by_hand,
    herald_chances,
    loss,
    one_each,
    outcome_chances,
    photons,
    splitter,
    station,
    together,
)

from qnetsim.channels.fibre import Fibre
from qnetsim.nodes.photonic import PairSource, PhotonUser
from qnetsim.protocols.pulsed import PulsedLink, pulse_law

WINDOW_S = 1e-9


class Pairs(NamedTuple):
    """A source: chance of a pair, angle, visibility, coherence, coupling, which terms."""

    chance: float
    angle_deg: float
    visibility: float
    coherence: float
    coupling: float
    crossed: bool

    def spec(self) -> dict[str, Any]:
        return {
            "statistics": "single",
            "mean_pairs": self.chance,
            "state": "hv+vh" if self.crossed else "hh+vv",
            "coupling_efficiency": self.coupling,
            "visibility": self.visibility,
            "coherence": self.coherence,
            "angle_deg": self.angle_deg,
        }

    def perfect(self) -> Pairs:
        angle = 45.0 if cos(radians(self.angle_deg)) * sin(radians(self.angle_deg)) > 0 else -45.0
        return Pairs(1.0, angle, 1.0, 1.0, 1.0, self.crossed)

    def light(self, first: str, second: str) -> list[tuple[float, Terms]]:
        """The chances of what is emitted; a pair under all flips and signs of either photon."""
        mixture: list[tuple[float, Terms]] = [(1 - self.chance, [(1.0, [])])]
        amplitudes = cos(radians(self.angle_deg)), sin(radians(self.angle_deg))
        for flip_first, flip_second, sign in product((False, True), (False, True), (1, -1)):
            weight = (1 - self.visibility) / 8
            if not (flip_first or flip_second):
                weight += self.visibility * (1 + sign * self.coherence) / 2
            terms: Terms = []
            for k, amplitude in enumerate(amplitudes):
                p, q = HV[k ^ flip_first], HV[k ^ self.crossed ^ flip_second]
                signed = sign**k * amplitude
                terms.append((signed, [(first, p), (second, q)]))
            if weight:
                mixture.append((self.chance * weight, terms))
        return mixture


class Relay(NamedTuple):
    """A relay: its pairs, or else a splitter for one photon each of H and V; its station."""

    pairs: Pairs | None
    splitter: float
    eye: Eye
    overlap: float


class Side(NamedTuple):
    """From the shared source to a user."""

    transmission: float
    relay: Relay | None
    eye: Eye
    angles_deg: list[float]

    def user(self) -> PhotonUser:
        values: dict[str, Any] = {
            "angles_deg": self.angles_deg,
            "detectors": 2,
            "detector": detector(self.eye),
            "window_s": WINDOW_S,
            "no_click": -1,
            "both_click": 1,
        }
        if self.relay:
            relay: dict[str, Any] = {
                "station": {
                    "detector": detector(self.relay.eye),
                    "window_s": WINDOW_S,
                    "photon_overlap": self.relay.overlap,
                }
            }
            if self.relay.pairs:
                relay |= {"source": "pairs", "pairs": self.relay.pairs.spec()}
            else:
                split = {"splitter_transmission": self.relay.splitter, "mean_photons": 1.0}
                relay |= {"source": "photons", "photons": split}
            values |= {"herald": "relay", "relay": relay}
        return PhotonUser(**values)

    def perfect(self) -> Side:
        relay = self.relay and Relay(
            self.relay.pairs and self.relay.pairs.perfect(), 0.5, Eye(1.0, 0.0, True), 1.0
        )
        return Side(1.0, relay, Eye(1.0, 0.0), self.angles_deg)

    def light(self, name: str) -> list[tuple[float, Terms]]:
        if self.relay is None:
            return [(1.0, [(1.0, [])])]
        if self.relay.pairs:
            return self.relay.pairs.light(f"{name} local", f"{name} out")
        return [(1.0, photons(1, 1, f"{name} source"))]

    def rules(self, name: str) -> Rules:
        arrives = f"{name} arrives" if self.relay else f"{name} out"
        rules = loss(f"{name} sent", self.transmission, arrives)
        if self.relay is None:
            return rules
        coupled = self.relay.pairs.coupling if self.relay.pairs else 1.0
        return {
            **rules,
            **loss(f"{name} local", coupled, f"{name} coupled"),
            **splitter(f"{name} source", self.relay.splitter, f"{name} coupled", f"{name} out"),
            **station(f"{name} station", arrives, f"{name} coupled", self.relay.overlap),
        }

    def heralds(self, counts: Counts, name: str) -> np.ndarray:
        """(2 names, terms), or (1, terms) without a relay."""
        if self.relay is None:
            return np.ones((1, len(counts.chances)))
        four = herald_chances(counts, f"{name} station", self.relay.eye)
        return four.reshape(2, 2, -1).sum(axis=1)

    def frames(self) -> list[np.ndarray]:
        """What a user does to a photon on each name."""
        return [np.eye(2), np.diag([1.0, -1.0])] if self.relay else [np.eye(2)]


NAMES = "alice", "bob"


class Link(NamedTuple):
    """A link and its independent model."""

    source: Pairs
    sides: tuple[Side, Side]

    def spec(self) -> PulsedLink:
        source = PairSource(pulse_rate_hz=1e6, **self.source.spec())
        fibres = [
            Fibre(length_m=0.0, attenuation_db_per_km=0.0,
                  insertion_loss_db=-10 * np.log10(side.transmission / self.source.coupling))
            for side in self.sides
        ]  # fmt: skip
        users = tuple(side.user() for side in self.sides)
        return PulsedLink(source, (users[0], users[1]), (fibres[0], fibres[1]))

    def perfect(self) -> Link:
        return Link(self.source.perfect(), (self.sides[0].perfect(), self.sides[1].perfect()))

    def counted(self, measured: Rules) -> list[tuple[float, Counts]]:
        rules = measured | self.sides[0].rules("alice") | self.sides[1].rules("bob")
        emitted = (
            self.source.light("alice sent", "bob sent"),
            *(side.light(name) for name, side in zip(NAMES, self.sides, strict=True)),
        )
        return [
            (
                np.prod([chance for chance, _ in parts]),
                count_by_hand(together(*(light for _, light in parts)), rules),
            )
            for parts in product(*emitted)
            if all(chance for chance, _ in parts)
        ]

    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """States of one photon each, and chances, by the heralds of Alice's side and of Bob's."""
        shape = [len(side.frames()) for side in self.sides]
        states, chances = np.zeros((*shape, 4, 4)), np.zeros(shape)
        for chance, counts in self.counted({}):
            first, second = (
                side.heralds(counts, name) for name, side in zip(NAMES, self.sides, strict=True)
            )
            for a, b in np.ndindex(*shape):
                weights = first[a] * second[b]
                chances[a, b] += chance * weights @ counts.chances
                state = one_each(counts, weights, ("alice out", "bob out"))
                turn = np.kron(self.sides[0].frames()[a], self.sides[1].frames()[b])
                states[a, b] += chance * turn @ state @ turn
        return states, chances

    def outcomes(self, x: int, y: int) -> np.ndarray:
        """P(a, b) in the order +1, -1 with all heralds, for "psi-" at the negative angle."""
        table = np.zeros((2, 2))
        for a, b in np.ndindex(*(len(side.frames()) for side in self.sides)):
            measured: Rules = {}
            for name, side, herald, setting in zip(NAMES, self.sides, (a, b), (x, y), strict=True):
                coupled = side.relay.pairs.coupling if side.relay and side.relay.pairs else 1.0
                efficiency = side.eye.efficiency * coupled
                angle = radians(side.angles_deg[setting]) * (-1 if herald else 1)
                measured |= loss(f"{name} out", efficiency, f"{name} kept")
                measured |= analyser(f"{name} kept", angle, name)
            for chance, counts in self.counted(measured):
                weights = chance * counts.chances
                for name, side, herald in zip(NAMES, self.sides, (a, b), strict=True):
                    weights = weights * side.heralds(counts, name)[herald]
                clicks = [
                    outcome_chances(counts, name, Eye(1.0, side.eye.dark))
                    for name, side in zip(NAMES, self.sides, strict=True)
                ]
                read = [[none + minus, plus + both][::-1] for none, plus, minus, both in clicks]
                table += np.einsum("at,bt,t->ab", *read, weights)
        return table


def detector(eye: Eye) -> dict[str, Any]:
    rate_hz = -np.log1p(-eye.dark) / WINDOW_S
    return {
        "efficiency": eye.efficiency,
        "dark_count_rate_hz": float(rate_hz),
        "number_resolving": eye.resolves,
    }


def random_pairs(rng: np.random.Generator, noisy: bool) -> Pairs:
    visibility, coherence = rng.random(2) if noisy else (1.0, 1.0)
    return Pairs(
        float(rng.random()),
        float(rng.uniform(-180, 180)),
        float(visibility),
        float(coherence),
        float(rng.uniform(0.1, 1)),
        bool(rng.integers(2)),
    )


def random_link(seed: int) -> Link:
    rng = np.random.default_rng([41, seed])
    kinds = [("", "pairs"), ("pairs", ""), ("", "photons"), ("photons", "pairs")][seed % 4]
    source = random_pairs(rng, noisy=True)
    sides = []
    for kind in kinds:
        pairs = random_pairs(rng, noisy=kinds[0] == "" or kinds[1] == "")
        relay = Relay(
            pairs if kind == "pairs" else None,
            float(rng.random()),
            Eye(float(rng.random()), float(rng.random() / 2), bool(rng.integers(2))),
            float(rng.random()),
        )
        sides.append(
            Side(
                float(rng.random() * source.coupling),
                relay if kind else None,
                Eye(float(rng.random()), float(rng.random() / 2)),
                [float(x) for x in rng.uniform(-180, 180, 2)],
            )
        )
    return Link(source, (sides[0], sides[1]))


@pytest.mark.parametrize("seed", range(50))
def test_noise_and_imbalance_of_every_source_leave_the_light_of_creation_operators(seed) -> None:
    """The mean state, its fidelity with the named Bell state, and the users' outcomes."""
    link = random_link(seed)
    law = pulse_law(link.spec())
    states, chances = link.states()
    total = chances.sum()
    assert law.herald_probability == pytest.approx(total, abs=1e-10)
    one_each_at = np.ix_([4, 5, 7, 8], [4, 5, 7, 8])
    expected = states.sum(axis=(0, 1)) / total
    np.testing.assert_allclose(law.mean_state[one_each_at], expected, rtol=0, atol=1e-10)
    ideal, _ = link.perfect().states()
    named = ideal.sum(axis=(0, 1)) / ideal.trace(axis1=2, axis2=3).sum()
    assert np.trace(named @ named) == pytest.approx(1, abs=1e-12), "all heralds name one state"
    assert law.heralded_fidelity == pytest.approx(np.trace(named @ expected), abs=1e-10)
    x, y = np.random.default_rng(seed).integers(2, size=2)
    ours = law.table[x, y].sum(axis=(0, 1))
    np.testing.assert_allclose(ours, link.outcomes(x, y), rtol=0, atol=1e-10)
