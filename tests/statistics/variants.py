"""The links that are played in both resolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from parts import DEAD_TIME_S, PERIOD_S, cooled, network, readout, trapped

import qnetsim as qn

ALICE_LOADING_S = 5e-4

# --- clockwork -----------------------------------------------------------------------------------


def _steady() -> qn.Network:
    return network(0.588)


def _rare() -> qn.Network:
    return network(0.0532)


def _cooling() -> qn.Network:
    return network(0.588, alice=cooled(200e-6, 13), bob=cooled(150e-6, 8))


def _loss_and_reload() -> qn.Network:
    """Particles are lost about as often as a herald comes, and every readout empties the trap."""
    return network(
        0.588,
        alice={
            **cooled(200e-6, 8),
            **trapped(ALICE_LOADING_S, 3e-3, 1e-4),
            **readout("alice", destructive=True, outcome_if_lost=-1),
        },
        bob={
            **cooled(150e-6, 12),
            **trapped(8e-4, 4e-3, 5e-5),
            **readout("bob", destructive=True),
            "shutter_s": 1e-4,
        },
    )


def _drift() -> qn.Network:
    """Fifty heralds between realignments, in which the herald probability falls by five."""
    return network(0.857, drift={"alice": (4.5, 0.0531), "bob": (2.5, 0.0377)})


def _dead_time() -> qn.Network:
    """A readout so long that only a session's first attempt can still find detectors blind."""
    return network(
        0.99,
        alice=readout("alice", duration_s=66e-6),
        bob=readout("bob", duration_s=66e-6),
        detector={"dead_time_s": DEAD_TIME_S},
    )


def _bursts_that_blind() -> qn.Network:
    """The first attempts of a burst find all detectors seeing, the later ones hardly any."""
    blinding = {"dead_time_s": DEAD_TIME_S, "dark_count_rate_hz": 5e5}
    return network(
        1.0, alice=cooled(200e-6, 6), bob=cooled(150e-6, 9), detector={"efficiency": 1.0} | blinding
    )


def _heralds_without_particles() -> qn.Network:
    """Dark counts herald about as often whether or not a particle is there, and are read out."""
    lost = {**cooled(200e-6, 60), **trapped(ALICE_LOADING_S, 3e-3)}
    read = readout("alice", outcome_if_lost=-1)
    return network(0.1, alice={**lost, **read}, bob=lost, detector={"dark_count_rate_hz": 1.5e6})


def _all_at_once() -> qn.Network:
    return network(
        1.0,
        alice={
            **cooled(200e-6, 8),
            **trapped(ALICE_LOADING_S, 3e-3, 1e-4),
            **readout("alice", destructive=True),
        },
        bob={**cooled(150e-6, 12), **trapped(8e-4, 4e-3), "shutter_s": 1e-4},
        drift={"alice": (3.0, 0.1531), "bob": (2.0, 0.1077)},
        detector={"dead_time_s": DEAD_TIME_S},
    )


# --- hardware ------------------------------------------------------------------------------------

TWICE = {
    "alice": {"second_emission_probability": 0.4, "pulse_s": 30e-9},
    "bob": {"second_emission_probability": 0.2, "pulse_s": 10e-9},
}


def _second_emission() -> qn.Network:
    return network(0.7, **TWICE, station={"window_start_s": 5e-9})


def _second_emission_and_dead_time() -> qn.Network:
    """Readouts so short that several attempts in a row can find detectors blind."""
    short = {name: TWICE[name] | readout(name, duration_s=1e-6) for name in TWICE}
    return network(0.9, **short, detector={"dead_time_s": DEAD_TIME_S})


def _counting_under_fast_drift() -> qn.Network:
    """Counting detectors refuse doubled photons, so a loss of light can raise the chance."""
    twice = {name: {"second_emission_probability": 1.0} for name in TWICE}
    return network(
        1.0,
        **{name: twice[name] | {"excitation_probability": 1.0} for name in twice},
        drift={"alice": (25.0, 1.3e-3), "bob": (12.0, 1e-3)},
        station={"window_start_s": -2e-9},
        detector={"number_resolving": True, "efficiency": 1.0},
        fibres={name: {"attenuation_db_per_km": 0.0} for name in TWICE},
    )


def _converters() -> qn.Network:
    """One at a node, behind whose fibre its noise arrives, and one at the station."""
    colours = {"input_wavelength_m": 780e-9, "output_wavelength_m": 1517e-9}
    return network(
        1.0,
        alice={"wavelength_m": 780e-9},
        bob={"wavelength_m": 780e-9},
        converters={
            "alice": qn.Converter(
                **colours, efficiency=0.8, filter_bandwidth_hz=27e6, noise_rate_hz=6e5
            ),
            "bob": qn.Converter(
                **colours, efficiency=0.9, filter_transmission=0.9, noise_rate_hz=2e5, at="station"
            ),
        },
    )


def _coincidences() -> qn.Network:
    """Photons of two colours, of which late coincidences are in antiphase."""
    return network(
        0.9,
        alice={"optical_dephasing_hz": 1e6},
        bob={"detuning_hz": 9e6},
        station={"coincidence_s": 25e-9, "arrival_mismatch_s": 4e-9},
        detector={"dark_count_rate_hz": 1e5},
    )


TIME_BINS = {name: TWICE[name] | {"encoding": "time-bin"} for name in TWICE}


def _time_bins_blind_late() -> qn.Network:
    station = {"measurement": "time-bin", "bin_separation_s": 2e-7, "accept": ["psi-"]}
    return network(
        0.95,
        **TIME_BINS,
        station=station | {"phase_noise_rad": 0.4},
        detector={"dead_time_s": 3e-7},
    )


def _time_bins_with_afterpulses() -> qn.Network:
    return network(
        0.7,
        **TIME_BINS,
        station={"measurement": "time-bin", "bin_separation_s": 2e-7},
        detector={
            "dead_time_s": 4e-8,
            "afterpulse_probability": 0.3,
            "afterpulse_lifetime_s": 1e-7,
        },
    )


SINGLE_PHOTON = {
    "alice": {"encoding": "number", "bright_population": 0.3},
    "bob": {"encoding": "number", "bright_population": 0.4},
}


def _single_photon() -> qn.Network:
    station = {"measurement": "single-photon", "phase_noise_rad": 0.4}
    return network(0.3, **SINGLE_PHOTON, station=station)


def _single_photon_under_drift() -> qn.Network:
    """Each transmission leaves a state of its own; fifty heralds between realignments."""
    return network(
        0.4,
        **SINGLE_PHOTON,
        drift={"alice": (4.5, 0.0431), "bob": (2.5, 0.0277)},
        station={"measurement": "single-photon"},
        detector={"number_resolving": True},
    )


def _single_photon_emitted_twice_under_drift() -> qn.Network:
    """Two photons of one node rather spoil a count than make it, so a loss of light can help."""
    bright = {"encoding": "number", "bright_population": 0.9, "excitation_probability": 1.0}
    twice = bright | {"second_emission_probability": 0.8, "pulse_s": 10e-9}
    return network(
        1.0,
        alice=twice,
        bob=twice | {"second_emission_probability": 0.5},
        drift={"alice": (25.0, 1.3e-3), "bob": (12.0, 1e-3)},
        station={"measurement": "single-photon", "window_start_s": -2e-9},
        detector={"number_resolving": True, "efficiency": 1.0},
        fibres={name: {"attenuation_db_per_km": 0.0} for name in TWICE},
    )


def _rotation() -> qn.Network:
    """Turned by up to 28 degrees before it is compensated."""
    return network(
        0.7,
        fibres={
            "alice": {
                "rotation_deg": 5.0,
                "rotation_drift_deg_per_hour": 1e6,
                "recompensate_every_s": 0.0931,
            },
            "bob": {
                "rotation_deg": -3.0,
                "rotation_drift_deg_per_hour": 6e5,
                "recompensate_every_s": 0.0607,
            },
        },
    )


def _decay() -> qn.Network:
    """State 1 decays about as fast as the herald travels."""
    return network(0.7, alice={"t1_s": 8e-6}, bob={"t1_s": 15e-6, "dephasing_axis": "z"})


def _calibrated(every_s: float, duration_s: float) -> dict[str, qn.Recalibration]:
    return {"recalibration": qn.Recalibration(every_s=every_s, duration_s=duration_s)}


def _recalibration() -> qn.Network:
    return network(0.7, alice=_calibrated(0.31, 0.1), bob=_calibrated(0.4, 0.15))


def _frequent_recalibration() -> qn.Network:
    """It cuts off half of the sessions."""
    return network(0.588, alice=_calibrated(1e-3, 5e-4))


def _recalibration_of_cooled_particles() -> qn.Network:
    """Every other session ends in a loss or because a recalibration is due."""
    return network(
        0.588,
        alice={**cooled(200e-6, 8), **trapped(5e-4, 8e-3), **_calibrated(4e-3, 5e-4)},
        bob={**cooled(150e-6, 12), **trapped(2e-4, 8e-3), **readout("bob", destructive=True)},
    )


def _late_heralds() -> qn.Network:
    """Two heralds in five are missed."""
    late = {"jitter_mean_s": 2e-6, "loss_probability": 0.3, "retransmit_after_s": 3e-6}
    return network(
        0.7,
        classical={
            "alice": late | {"allowance_s": 5e-6},
            "bob": {"jitter_mean_s": 1e-6, "allowance_s": 2e-6},
        },
    )


def _midpoint_source() -> qn.Network:
    source = qn.MidpointSource(
        pair_probability=0.3, two_pairs_probability=0.05, fidelity=0.95, photon_lifetime_s=20e-9
    )
    absorbing = {"encoding": "absorbing", "excitation_probability": 1.0}
    station = {"measurement": "midpoint", "source": source, "accept": ["psi+"]}
    station["photon_overlap"] = None
    return network(0.7, alice=absorbing, bob=absorbing, station=station)


class Variant(NamedTuple):
    """A link to be played in both resolutions.

    Attributes:
        network: builds it.
        heralds: how many each resolution plays.
        chance: of a herald in an attempt with both particles there, averaged over the drift.
        slow: whether `make quick` leaves it out.
        period_s: from attempt to attempt.
    """

    network: Callable[[], qn.Network]
    heralds: int = 200_000
    chance: float = 0.05
    slow: bool = True
    period_s: float = PERIOD_S


MANY, FEW = 100_000, 30_000

VARIANTS: dict[str, Variant] = {
    "steady, few heralds": Variant(_steady, heralds=10_000, slow=False),
    "steady": Variant(_steady),
    "rare heralds": Variant(_rare, heralds=2_000, chance=1e-3),
    "cooling": Variant(_cooling, MANY),
    "loss and reload": Variant(_loss_and_reload, MANY),
    "drift": Variant(_drift, MANY),
    "dead time": Variant(_dead_time, MANY),
    "bursts that blind": Variant(_bursts_that_blind, FEW, 0.114),
    "heralds without particles": Variant(_heralds_without_particles, FEW, 0.0734),
    "all at once": Variant(_all_at_once, heralds=10_000, chance=0.0450),
    "second emission": Variant(_second_emission, FEW, 0.0849, False, 4.500172e-05),
    "second emission and dead time": Variant(_second_emission_and_dead_time, FEW, 0.062),
    "counting under fast drift": Variant(
        _counting_under_fast_drift, 20_000, 0.116, period_s=4.499472e-05
    ),
    "converters": Variant(_converters, FEW, 0.0882),
    "coincidences": Variant(_coincidences, FEW, 0.077),
    "time bins, blind late": Variant(_time_bins_blind_late, FEW, 0.0786, period_s=4.519672e-05),
    "time bins with afterpulses": Variant(
        _time_bins_with_afterpulses, FEW, 0.0951, period_s=4.519672e-05
    ),
    "single photon": Variant(_single_photon, FEW, 0.1125, False),
    "single photon under drift": Variant(_single_photon_under_drift, 4_000, 0.1018),
    "single photon of two under drift": Variant(
        _single_photon_emitted_twice_under_drift, 8_000, 0.329, period_s=4.499472e-05
    ),
    "rotation": Variant(_rotation, 6_000, 0.0698),
    "decay": Variant(_decay, FEW, 0.0698),
    "recalibration": Variant(_recalibration, FEW, 0.0698),
    "frequent recalibration": Variant(_frequent_recalibration, FEW, 0.0502),
    "recalibration of cooled particles": Variant(_recalibration_of_cooled_particles, FEW, 0.0502),
    "late heralds": Variant(_late_heralds, 20_000, 0.0468, period_s=4.85277e-05),
    "midpoint source": Variant(_midpoint_source, FEW, 0.0742, period_s=4.744508e-05),
}
