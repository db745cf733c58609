"""The law by cause against its two marginals, which are checked elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from qnetsim.physics import photonic
from qnetsim.physics.amplifier import NonDemolition, SplitPhotons
from qnetsim.physics.fock import Detector
from qnetsim.physics.herald_causes import CAUSES, outcomes_by_cause
from qnetsim.physics.photonic import PhotonicLink, Side
from qnetsim.physics.swapping import EntangledPairs, Relay, Station, squeezed_pairs


def random_link(rng: np.random.Generator, kinds: tuple[str, str]) -> PhotonicLink:
    sides = []
    for kind in kinds:
        e, d, t, local, overlap, q, s = (float(x) for x in rng.random(7))
        station = Station(Detector(e, d / 10, bool(rng.integers(2))), (1.0, local), overlap)
        herald = {
            "none": None,
            "photons": Relay(SplitPhotons(t, (0.1, 0.8, 0.1)), station),
            "pairs": Relay(EntangledPairs((0.3, 0.5, 0.2)), station),
            "watched": NonDemolition(q, s, d / 10),
        }[kind]
        user = Detector(*(float(x) for x in rng.random(2) / [1, 10]))
        sides.append(Side(user, float(rng.random()), herald))
    return PhotonicLink(squeezed_pairs(0.02), *sides)


@pytest.mark.parametrize(
    "kinds", [("none", "photons"), ("none", "pairs"), ("watched", "photons"), ("pairs", "pairs")]
)
@pytest.mark.parametrize("seed", range(3))
def test_summed_over_causes_it_is_the_law_and_over_outcomes_the_shares(kinds, seed):
    link = random_link(np.random.default_rng([4, seed]), kinds)
    alice, bob = [0.3, -1.1], [0.2, 0.9, 2.0]
    table = outcomes_by_cause(link, alice, bob)
    law = photonic.outcome_probabilities(link, alice, bob)
    np.testing.assert_allclose(table.sum(axis=0), law, rtol=1e-12, atol=1e-18)
    shares = photonic.herald_shares(link)
    assert shares._fields == CAUSES
    for cause, share in zip(table.sum(axis=(-1, -2)), shares, strict=True):
        for x, y in np.ndindex(2, 3):
            np.testing.assert_allclose(cause[..., x, y], share, rtol=1e-11, atol=1e-18)


def test_a_cause_without_a_photon_for_bob_never_lights_his_perfect_detectors():
    station = Station(Detector(0.9))
    relay = Relay(SplitPhotons(0.8), station)
    link = PhotonicLink(
        EntangledPairs((0.0, 1.0)), Side(Detector(1.0)), Side(Detector(1.0), 0.4, relay)
    )
    table = dict(zip(CAUSES, outcomes_by_cause(link, [0.1], [0.7])[:, 0], strict=True))
    assert table["vacuum"][..., 1:].sum() == 0
    assert table["pair"][..., 0].sum() == 0
    assert table["multiphoton"].sum() == table["dark"].sum() == 0
    assert min(table["pair"].sum(), table["vacuum"].sum()) > 0.01
