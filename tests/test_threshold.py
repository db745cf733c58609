"""``qnetsim threshold``: its figures, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prompt import Command

from qnetsim.security.keyrate import BOUNDS
from qnetsim.security.rates import chsh_key_rate
from qnetsim.security.thresholds import best_threshold, threshold


def found(command: Command, *arguments: object) -> dict[str, Any]:
    """Returns the figures that the command prints as JSON."""
    done = command("threshold", *arguments, "--json")
    assert done.code == 0, done.err
    figures: dict[str, Any] = json.loads(done.out)
    worth = {"certified", "attacks", "assumptions"}
    assert figures.keys() == {"bound", "quantity", "threshold", "rate_floor", "parameters"} | worth
    return figures


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("chsh --quantity qber", 0.07149),
        ("chsh --quantity qber --flip 0.5", 0.08085),
        ("asymmetric --quantity qber", 0.07418),
        ("asymmetric --quantity qber --flip 0.49", 0.08345),
        ("two-basis --quantity qber", 0.0836),
        ("parity-chsh --quantity qber --parties 3", 0.0628),
        ("parity-chsh --quantity qber --parties 4", 0.0564),
        ("parity-chsh --quantity qber --parties 5", 0.0514),
    ],
)
def test_error_thresholds(command: Command, arguments: str, value: float) -> None:
    figures = found(command, "--bound", *arguments.split())
    assert figures["threshold"] == pytest.approx(value, abs=2e-4)
    assert figures["rate_floor"] == 1e-8


def test_the_efficiency_threshold_of_one_basis_with_noise(command: Command) -> None:
    figures = found(command, "--bound", "chsh", "--quantity", "eta", "--flip", 0.5)
    assert figures["threshold"] == pytest.approx(0.8263, abs=5e-4)


def test_keeping_no_clicks_apart_lowers_the_efficiency_needed(command: Command) -> None:
    bell = ("--bound", "chsh", "--quantity", "eta", "--state-angle", 0.785398)
    counted, kept = found(command, *bell), found(command, *bell, "--keep-no-clicks")
    assert kept["threshold"] < counted["threshold"] - 0.01
    assert counted["parameters"]["state"] == pytest.approx(0.785398)


def test_a_threshold_is_where_the_rate_meets_its_floor(command: Command) -> None:
    figures = found(command, "--bound", "chsh", "--quantity", "qber", "--rate-floor", 0.3)
    q = figures["threshold"]
    assert float(chsh_key_rate(8**0.5 * (1 - 2 * q), q, 1.0)) == pytest.approx(0.3)


def test_two_parties_confer_like_a_pair(command: Command) -> None:
    conference = found(command, "--bound", "parity-chsh", "--quantity", "qber", "--parties", 2)
    pair = found(command, "--bound", "chsh", "--quantity", "qber")
    assert conference["threshold"] == pytest.approx(pair["threshold"], abs=1e-9)


def test_the_best_flip_at_a_low_floor_is_the_limit(command: Command) -> None:
    figures = found(command, "--bound", "chsh", "--quantity", "qber", "--flip", "best")
    assert figures["parameters"]["flip"] == 0.5
    assert figures["threshold"] == pytest.approx(0.08085, abs=2e-4)


@pytest.mark.parametrize("floor", [0.02, 0.3, 0.7, 0.9])
def test_the_best_flip_at_a_high_floor_is_no_worse_than_any_of_a_grid(floor: float) -> None:
    best = best_threshold("two-basis", "qber", floor)
    flips = (0.0, 0.005, 0.01, 0.02) if floor > 0.8 else (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)
    for flip in flips:
        assert threshold("two-basis", "qber", floor, flip=flip).value <= best.value + 1e-6


def test_holz_gives_three_parties_a_key_with_more_noise_than_parity_chsh(command: Command) -> None:
    holz = found(command, "--bound", "holz", "--quantity", "qber")
    parity = found(command, "--bound", "parity-chsh", "--quantity", "qber", "--parties", 3)
    assert holz["parameters"] == parity["parameters"] == {"parties": 3}
    assert holz["threshold"] > parity["threshold"]


def test_a_threshold_stands_beside_its_floor_and_its_source(command: Command) -> None:
    done = command("threshold", "--bound", "chsh", "--quantity", "qber")
    assert (done.code, done.err) == (0, "")
    for text in ("0.07149", "1e-08", "arXiv 0903.4460", "collective"):
        assert text in done.out
    assert done.out.count("assumes") == 1


def test_a_table_without_angles_does_not_speak_of_any(command: Command) -> None:
    assert "angles" in command("threshold", "--bound", "chsh", "--quantity", "qber").out
    assert "angles" not in command("threshold", "--bound", "holz", "--quantity", "qber").out


@pytest.mark.parametrize("arguments", ["chsh", "biased --flip 0.5", "holz"])
def test_a_threshold_says_what_it_is_worth(command: Command, arguments: str) -> None:
    figures = found(command, "--quantity", "qber", "--bound", *arguments.split())
    assert figures["certified"] is True
    assert figures["attacks"] == BOUNDS[figures["bound"]].attacks
    assert figures["assumptions"] == BOUNDS[figures["bound"]].assumptions


def test_a_noisy_threshold_on_a_ray_steeper_than_is_proved_is_not_certified() -> None:
    def certified(flip: float) -> bool:
        return threshold("biased", "eta", 0.2, flip=flip, state_angle=0.5).certified

    assert certified(0.0)
    assert not certified(0.5)


@pytest.mark.parametrize("angle", [1e-3, 1e-2])
def test_hardly_entangled_pairs_have_a_threshold_no_worse_than_plain_settings(angle: float) -> None:
    plain = {1e-3: 0.93116, 1e-2: 0.91636}  # key in the basis of the state, test at right angles
    best = threshold("chsh", "eta", 1e-8, state_angle=angle)
    assert best.value < plain[angle]


def test_a_state_nearer_to_a_product_than_the_search_bears_is_refused() -> None:
    with pytest.raises(ValueError, match=r"state angle .*1e-09"):
        threshold("chsh", "eta", 1e-8, state_angle=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--bound chs", "--bound = 'chs': has no threshold here; did you mean 'chsh'?"),
        ("--bound sdp", "--bound = 'sdp': has no threshold here; known here: asymmetric"),
        ("", "--bound: is missing: chsh, asymmetric"),
        ("--bound chsh --rate-floor 0", "--rate-floor = 0: must be above 0"),
        ("--bound chsh --rate-floor nan", "--rate-floor = nan: must be above 0"),
        ("--bound chsh --rate-floor 2", "no value of the quantity reaches the rate floor 2"),
        ("--bound holz --rate-floor 2", "no error rate reaches the rate floor 2"),
        ("--bound chsh --rate-floor 2 --flip best", "reaches the rate floor 2"),
        ("--bound chsh --flip 0.6", "--flip = 0.6: must lie in [0, 0.5]"),
        ("--bound chsh --flip nan", "--flip = nan: must lie in [0, 0.5]"),
        ("--bound chsh --parties 3", "--parties = 3: --bound chsh does not use it"),
        ("--bound parity-chsh", "--parties: is missing: --bound parity-chsh needs it"),
        ("--bound parity-chsh --parties 0", "--parties = 0: must lie in [2, 1000]"),
        ("--bound parity-chsh --parties 999999999", "--parties = 999999999: must lie in [2, 1000]"),
        ("--bound holz --flip 0.1", "--flip = 0.1: --bound holz does not use it"),
        ("--bound chsh --keep-no-clicks", "--keep-no-clicks: is for --quantity eta"),
        ("--bound chsh --state-angle 0.7", "--state-angle: is for --quantity eta"),
        ("--bound chsh --state-angle 0", "--state-angle = 0: must lie in [0.001, pi/4]"),
        ("--bound chsh --state-angle 1e-9", "--state-angle = 1e-09: must lie in [0.001, pi/4]"),
        ("--bound chsh --state-angle nan", "--state-angle = nan: must lie in [0.001, pi/4]"),
    ],
)
def test_what_is_wrong_at_the_prompt_is_named(
    command: Command, arguments: str, message: str
) -> None:
    done = command("threshold", "--quantity", "qber", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_conference_has_no_efficiency_threshold(command: Command) -> None:
    done = command("threshold", "--bound", "holz", "--quantity", "eta")
    assert (done.code, done.out) == (2, "")
    assert "--quantity = eta: --bound holz has a threshold of qber only" in done.err
