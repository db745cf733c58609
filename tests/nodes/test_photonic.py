"""What the specifications of photonic parts refuse, and how click sets are read."""

from __future__ import annotations

import pytest

from qnetsim import InvalidInputError
from qnetsim.nodes.photonic import (
    NonDemolitionDetector,
    Pairs,
    PhotonPair,
    PhotonRelay,
    PhotonStation,
    PhotonUser,
)

DETECTOR = {"efficiency": 0.9, "dark_count_rate_hz": 10.0}
STATION = {"detector": DETECTOR, "window_s": 1e-9}


def user(**changes: object) -> PhotonUser:
    values = {
        "angles_deg": [0.0, 45.0],
        "detectors": 2,
        "detector": DETECTOR,
        "window_s": 1e-9,
        "no_click": 1,
    }
    return PhotonUser(**(values | changes))


def pairs(**changes: object) -> Pairs:
    return Pairs(**({"statistics": "single", "mean_pairs": 1.0, "state": "hh+vv"} | changes))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pairs(mean_pairs=1.5), "mean_pairs must lie in [0, 1] for the statistics"),
        (lambda: pairs(mean_pairs=-1.0), "mean_pairs = -1.0: must lie in [0, 200]"),
        (lambda: pairs(visibility=1.1), "visibility = 1.1: must lie in [0, 1]"),
        (lambda: pairs(statistics="laser"), "must be one of 'thermal', 'poisson' or 'single'"),
        (
            lambda: PhotonPair(splitter_transmission=0.9, mean_photons=0.9, g2=1.5),
            "no source of two photons at most",
        ),
        (lambda: PhotonRelay(source="photons", station=STATION), "needs a table 'photons'"),
        (lambda: PhotonStation(**STATION, accept=["psi+", "psi+"]), "must name each state once"),
        (lambda: user(herald="relay"), "needs a table 'relay' for the herald 'relay'"),
        (lambda: user(herald="non-demolition"), "needs a table 'non_demolition'"),
        (lambda: user(no_click=0), "no_click = 0: must be"),
        (lambda: user(detectors=3), "detectors = 3: must be"),
        (lambda: user(angels_deg=[0.0]), "angels_deg: unknown key; did you mean 'angles_deg'?"),
        (
            lambda: NonDemolitionDetector(detection_probability=2.0),
            "detection_probability = 2.0: must lie in [0, 1]",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_path_value_and_bound(make, words):
    with pytest.raises(InvalidInputError) as refused:
        make()
    assert words in str(refused.value)


def test_a_photon_source_may_be_as_imperfect_as_two_photons_at_most_allow():
    """p2 = g2 n^2/2, p1 = n - 2 p2: none of them below zero."""
    PhotonPair(splitter_transmission=0.9, mean_photons=0.5, g2=2.0)
    PhotonPair(splitter_transmission=0.9, mean_photons=0.9, g2=0.0)
    with pytest.raises(InvalidInputError):
        PhotonPair(splitter_transmission=0.9, mean_photons=0.5, g2=2.01)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"detectors": 1}, (1, 0, 1, 0)),
        ({"detectors": 1, "no_click": -1}, (0, 1, 0, 1)),
        ({}, (1, 1, 0, 1)),
        ({"no_click": -1, "both_click": -1}, (0, 1, 0, 0)),
    ],
)
def test_click_sets_are_read_as_outcomes(changes, rule):
    """No click, the port that passes, the other, both: the chance of +1."""
    assert user(**changes).rule == rule


def test_a_herald_that_is_not_in_use_plays_no_part():
    relay = PhotonRelay(source="pairs", pairs=pairs(), station=STATION)
    assert user(relay=relay.model_dump()).active_relay is None
    assert user(relay=relay.model_dump(), herald="relay").active_relay == relay
