"""Rate against distance: the closed form, simulated points and the two limits."""

import math
from pathlib import Path

import numpy as np
import pytest
from hardware import NODES, link, station
from scipy.linalg import expm
from scipy.stats import chi2

import qnetsim as qn
from qnetsim.nodes.memory import Cooling, Trap
from qnetsim.report import rate
from qnetsim.report.rate import (
    ONE_PAIR_OF_SLOTS,
    RatePoint,
    default_lengths_m,
    draw_rates,
    rate_at,
    simulate_rates,
    stretched,
)
from qnetsim.scenario import Scenario
from qnetsim.study.steady import reload_variance


def ideal(length_m: float) -> qn.Network:
    brief = {"photon_lifetime_s": 1e-12, "readout": qn.Readout(duration_s=0.0)}
    fibre = qn.Fibre(length_m=length_m / 2, attenuation_db_per_km=0.2)
    return link(
        station(window_length_s=1e-9),
        brief,
        brief,
        fibres=dict.fromkeys(NODES, fibre),
        arm_length_m=length_m / 2,
    )


@pytest.mark.parametrize(("km", "rate_hz"), [(50, 204.0), (100, 10.2)])
def test_the_limit_of_event_ready_links_is_half_the_transmission_a_round_trip(
    km: float, rate_hz: float
) -> None:
    point = rate_at(ideal(1000 * km), "main", 1000 * km, 1.0)
    light_m_per_s = 299792458 / 1.468
    by_hand = 10 ** (-0.02 * km) / 2 * light_m_per_s / (1000 * km)
    assert point.event_ready_hz == pytest.approx(by_hand, rel=1e-9)
    assert point.event_ready_hz == pytest.approx(rate_hz, rel=2e-3)
    # Of perfect parts, a link still spends a message there and back on each round.
    assert 0.95 * point.event_ready_hz < point.herald_rate_hz < point.event_ready_hz


def test_the_repeaterless_bound_is_one_bit_an_attempt_at_half_transmission() -> None:
    length_m = 10 * math.log10(2) / 0.2 * 1000
    point = rate_at(ideal(length_m), "main", length_m, 1.0)
    attempts_hz = 299792458 / 1.468 / length_m
    assert point.repeaterless_hz == pytest.approx(attempts_hz, rel=1e-6)


def with_dark_counts(network: qn.Network, rate_hz: float) -> qn.Network:
    dark = network.stations["bsm"].detector.model_copy(update={"dark_count_rate_hz": rate_hz})
    network.stations["bsm"] = network.stations["bsm"].model_copy(update={"detector": dark})
    return network


@pytest.mark.parametrize("km", [0.5, 20.0])
def test_heralds_by_photons_are_those_of_a_link_without_dark_counts(
    small_network: qn.Network, km: float
) -> None:
    point = rate_at(small_network, "main", 1000 * km, 1.0)
    quiet = rate_at(with_dark_counts(small_network, 0.0), "main", 1000 * km, 1.0)
    assert quiet.herald_rate_hz == pytest.approx(quiet.pairs_hz, rel=1e-12)
    # A dark count beside the photons falls in a window of four detectors once in 2500.
    assert point.pairs_hz == pytest.approx(quiet.herald_rate_hz, rel=1e-3)


def test_heralds_of_dark_counts_alone_exceed_the_limit_and_those_by_photons_do_not(
    small_network: qn.Network,
) -> None:
    excess = []
    for length_m in (500.0, 1e5):
        point = rate_at(small_network, "main", length_m, 1.0)
        assert point.herald_rate_hz is not None
        assert point.pairs_hz is not None
        assert point.event_ready_hz is not None
        assert point.pairs_hz < point.event_ready_hz
        excess.append(point.herald_rate_hz / point.event_ready_hz)
    assert excess[0] < 1
    assert excess[1] > 10


def test_stretching_is_what_setting_the_lengths_does(munich: Path) -> None:
    scenario = Scenario.load(munich)
    lengths = ["fibres.bob_bsm.length_m=2100.0", "classical.bob_bsm.length_m=2100.0"]
    set_by_hand = Scenario.load(munich, lengths)
    one = rate_at(scenario.network(), "main", 2100.0, 1.0)
    other = rate_at(set_by_hand.network(), "main", 2100.0, 1.0)
    assert one == other


def test_a_link_without_a_length_grows_from_its_middle() -> None:
    longer = stretched(ideal(0.0), "main", 800.0)
    assert [arm.channel.length_m for arm in longer.arms("main")] == [400.0, 400.0]


def test_simulated_points_agree_with_the_closed_form(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    lengths = default_lengths_m(450.0, 3)
    points = simulate_rates(small_network, protocol, lengths, seed=4, heralds=2000)
    assert [point.length_m for point in points] == lengths
    for point in points:
        expected = rate_at(small_network, "main", point.length_m, 1.0).herald_rate_hz
        # 5.2 standard errors on three points: a false alarm below 1e-6.
        assert abs(point.herald_rate_hz - expected) < 5.2 * point.stderr_hz


@pytest.mark.parametrize("duration_s", [0.3, 4.0, 300.0])
def test_the_scatter_of_reloads_is_that_of_a_markov_chain(duration_s: float) -> None:
    traps = [Trap(loading_mean_s=0.72, lifetime_s=1.0), Trap(loading_mean_s=0.4, lifetime_s=9.0)]
    chains = [np.array([[-1 / t.lifetime_s, 1 / t.lifetime_s],
                        [1 / t.loading_mean_s, -1 / t.loading_mean_s]]) for t in traps]  # fmt: skip
    both = np.kron(chains[0], np.eye(2)) + np.kron(np.eye(2), chains[1])
    there = expm(1e4 * both)[0, 0]
    # Simpson's rule over the time between two instants, which lie t apart with density 2 (T - t).
    times, step = np.linspace(0, duration_s, 4001, retstep=True)
    weights = np.array([1, *[4, 2] * 1999, 4, 1]) * step / 3
    jump, presence, covariance = expm(step * both), np.array([1.0, 0, 0, 0]), []
    for _ in times:
        covariance.append(there * presence[0] - there**2)
        presence = presence @ jump
    variance = 2 / duration_s**2 * (weights * (duration_s - times)) @ covariance
    assert reload_variance(traps, duration_s) == pytest.approx(variance / there**2, rel=1e-5)


def test_a_trap_that_never_reloads_adds_no_scatter() -> None:
    lasting, instant = Trap(loading_mean_s=1.0), Trap(loading_mean_s=0.0, lifetime_s=1.0)
    assert reload_variance([None, lasting, instant], 10.0) == 0
    slow = Trap(loading_mean_s=1e9, lifetime_s=1e9)
    assert reload_variance([slow, None], 1e-3) == 1.0


def test_errors_hold_where_a_point_sees_few_reloads(
    protocol: qn.DIQKD, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate, "_MOST_HERALDS", 1500)
    cooled = {
        "cooling": Cooling(duration_s=1e-6, every_attempts=10),
        "collection_efficiency": 0.1,
    }
    seldom = link(
        None,
        {**cooled, "trap": Trap(loading_mean_s=0.09, lifetime_s=0.12)},
        {**cooled, "trap": Trap(loading_mean_s=0.02, lifetime_s=1.0)},
    )
    points = simulate_rates(seldom, protocol, [100.0] * 40, seed=4, heralds=400)
    expected = rate_at(seldom, "main", 100.0, 1.0).herald_rate_hz
    assert expected is not None
    assert rate._long_enough_s(seldom, "main", 400) < 5 * 0.21, "few reloads at each point"
    deviations = [(p.herald_rate_hz - expected) / p.stderr_hz for p in points]
    total = math.fsum(d**2 for d in deviations)
    # Two-sided, 5e-7 on either side.
    assert chi2.ppf(5e-7, len(points)) < total < chi2.isf(5e-7, len(points))


def test_an_interrupted_series_keeps_the_points_it_has(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    points = simulate_rates(
        small_network, protocol, [100.0, 200.0, 300.0], seed=4, heralds=500,
        report=lambda done: done < 1,
    )  # fmt: skip
    assert [point.length_m for point in points] == [100.0]


def test_the_picture_shows_what_its_legend_says(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    lengths = [100.0, 1000.0, 10000.0]
    curve = [rate_at(small_network, "main", length, 1.0) for length in lengths]
    points = simulate_rates(small_network, protocol, lengths[:1], seed=4, heralds=50)
    figure = draw_rates("a link", curve, points, (450.0, 3.0))
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert {"closed form", "simulated", "published"} < set(labels)
    assert list(axes.get_lines()[0].get_xdata()) == [0.1, 1.0, 10.0]


def test_a_legend_names_only_what_is_drawn(small_network: qn.Network) -> None:
    def named(curve: list[RatePoint]) -> set[str]:
        (axes,) = draw_rates("a link", curve, [], None).axes
        return set(axes.get_legend_handles_labels()[1])

    near, far = ([rate_at(small_network, "main", x, 1.0)] for x in (100.0, 1e5))
    by_photons = {ONE_PAIR_OF_SLOTS.pairs}
    drawn = {"closed form", ONE_PAIR_OF_SLOTS.event_ready, ONE_PAIR_OF_SLOTS.repeaterless}
    assert named(near) == drawn, "of dark counts, too few to be seen"
    assert named([*near, *far]) == drawn | by_photons
    unknown = near[0]._replace(herald_rate_hz=None, pairs_hz=None)
    assert named([unknown]) == drawn - {"closed form"}
    assert named([near[0]._replace(herald_rate_hz=0.0, pairs_hz=0.0)]) == drawn - {"closed form"}
