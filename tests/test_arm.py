"""One side of a link: each loss once, the noise at the station, and parts that do not fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hardware import arm, link, node, station

import qnetsim as qn
from qnetsim import units

HOUR_PS = 3600 * units.PS_PER_S


def converter(**parts: Any) -> qn.Converter:
    perfect = {"input_wavelength_m": 780e-9, "output_wavelength_m": 1517e-9, "efficiency": 1.0}
    return qn.Converter(**(perfect | parts))


def midpoint(**parts: Any) -> qn.BellStation:
    source = qn.MidpointSource(pair_probability=0.1, fidelity=1.0, photon_lifetime_s=20e-9)
    return station(measurement="midpoint", source=source, accept=["psi+"], **parts)


def converted(fibre: Any, parts: dict[str, Any] | None = None, **emitter: Any) -> qn.Network:
    """Returns a link whose nodes emit at 780 nm, with a converter at Alice's end and Bob's."""
    both = converter(**(parts or {}))
    return link(
        alice={"wavelength_m": 780e-9, **emitter},
        bob={"wavelength_m": 780e-9},
        fibres={"alice": fibre},
        converters={"alice": both, "bob": converter()},
    )


FIBRE = qn.Fibre(length_m=10e3, type="smf28_ultra")
CLEAR = qn.Fibre(length_m=10e3, attenuation_db_per_km=0.0)

# --- losses --------------------------------------------------------------------------------------


def test_a_perfect_arm_loses_nothing() -> None:
    assert math.prod(arm("alice", link()).losses.values()) == 1


@pytest.mark.parametrize(
    ("cause", "net"),
    [
        ("collection", link(alice={"collection_efficiency": 0.5})),
        ("conversion", converted(CLEAR, {"efficiency": 0.5})),
        ("converter's filter", converted(CLEAR, {"filter_transmission": 0.5})),
        (
            "filter on the photon's line",
            converted(CLEAR, {"filter_bandwidth_hz": 1 / (2 * math.pi * 20e-9)}),
        ),
        (
            "attenuation",
            link(fibres={"alice": qn.Fibre(length_m=700.0, attenuation_db_per_km=4.3004285)}),
        ),
        (
            "connectors",
            link(
                fibres={
                    "alice": qn.Fibre(
                        length_m=1.0, attenuation_db_per_km=0.0, insertion_loss_db=3.0103
                    )
                }
            ),
        ),
    ],
)
def test_each_loss_halves_the_transmission_once_and_is_named(cause: str, net: qn.Network) -> None:
    alice = arm("alice", net)
    assert alice.losses[cause] == pytest.approx(0.5, rel=1e-6)
    assert alice.best_transmission == pytest.approx(0.5, rel=1e-6)
    assert alice.transmission(HOUR_PS) == pytest.approx(0.5, rel=1e-6)
    assert arm("bob", net).best_transmission == 1


def test_all_losses_together_multiply() -> None:
    parts = {"efficiency": 0.57, "filter_transmission": 0.81, "filter_bandwidth_hz": 27e6}
    fibre = qn.Fibre(length_m=16.5e3, attenuation_db_per_km=0.2, insertion_loss_db=1.0)
    net = converted(fibre, parts, collection_efficiency=0.02, photon_lifetime_s=26.24e-9)
    line = 27 / (27 + 1e-6 / (2 * math.pi * 26.24e-9))
    wanted = 0.02 * 0.57 * 0.81 * line * 10**-0.33 * 10**-0.1
    assert arm("alice", net).best_transmission == pytest.approx(wanted, rel=1e-12)


def test_a_cavity_sets_the_collection_and_the_line_that_meets_the_filter() -> None:
    cavity = qn.Cavity(
        coupling_hz=8e6, decay_hz=50e6, escape_efficiency=0.7, coupling_efficiency=0.9
    )
    emitter = {"cavity": cavity, "collection_efficiency": None, "photon_lifetime_s": 26.24e-9}
    alice = arm("alice", converted(CLEAR, {"filter_bandwidth_hz": 27e6}, **emitter))
    kappa, gamma = 2 * math.pi * 50e6, 1 / 26.24e-9
    cooperativity = 4 * (2 * math.pi * 8e6) ** 2 / (kappa * gamma)
    emission = kappa / (kappa + gamma) * cooperativity / (1 + cooperativity)
    assert alice.losses["collection"] == pytest.approx(emission * 0.7 * 0.9, rel=1e-12)
    line_hz = 1 / (2 * math.pi * alice.node.wave_packet_s)
    assert alice.losses["filter on the photon's line"] == pytest.approx(27e6 / (27e6 + line_hz))


def test_free_space_takes_the_place_of_a_fibre() -> None:
    sky = qn.FreeSpace(
        length_m=10e3, waist_m=0.1, receiver_radius_m=0.1, extinction_db_per_km=0.1,
        insertion_loss_db=2.0,
    )  # fmt: skip
    net = link(alice={"wavelength_m": 1550e-9}, fibres={"alice": sky})
    alice = arm("alice", net)
    assert set(alice.losses) == {
        "collection", "extinction", "diffraction and pointing", "telescopes",
    }  # fmt: skip
    assert alice.best_transmission == pytest.approx(math.prod(sky.losses(1550e-9).values()))


def test_the_fibre_carries_the_colour_that_the_converter_leaves_it() -> None:
    """At the node, 1517 nm travel; at the station, 780 nm do, through a fibre that knows them."""
    near = arm("alice", converted(FIBRE))
    assert (near.emitted_m, near.carried_m, near.arriving_m) == (780e-9, 1517e-9, 1517e-9)
    assert near.losses["attenuation"] > 0.6
    visible = qn.Fibre(length_m=10e3, type="silica_visible")
    far = arm("alice", converted(visible, {"at": "station"}))
    assert (far.emitted_m, far.carried_m, far.arriving_m) == (780e-9, 780e-9, 1517e-9)
    assert far.losses["attenuation"] == pytest.approx(10**-4.3)


def test_a_drifting_coupling_takes_its_share_of_the_best_transmission() -> None:
    drifting = qn.Fibre(
        length_m=1.0, attenuation_db_per_km=0.0, insertion_loss_db=1.0, drift_db_per_hour=2.0,
        realign_every_s=5400.0,
    )  # fmt: skip
    alice = arm("alice", link(fibres={"alice": drifting}))
    assert alice.transmission(0) == pytest.approx(10**-0.1)
    assert alice.transmission(HOUR_PS) == pytest.approx(10**-0.3)
    assert alice.transmission(2 * HOUR_PS) == pytest.approx(10**-0.2)


# --- noise ---------------------------------------------------------------------------------------


def test_noise_of_a_converter_at_the_node_passes_the_fibre_and_nothing_else() -> None:
    """Its own efficiency and filter are in the rate that leaves it, the node's collection not."""
    noisy = {"noise_rate_hz": 1000.0, "efficiency": 0.5, "filter_transmission": 0.5}
    net = converted(FIBRE, noisy, collection_efficiency=0.01)
    carried = math.prod(FIBRE.losses(1517e-9).values())
    assert arm("alice", net).noise_rate_hz == pytest.approx(1000 * carried, rel=1e-14)
    assert arm("bob", net).noise_rate_hz == 0


def test_noise_of_a_converter_at_the_station_passes_nothing() -> None:
    visible = qn.Fibre(length_m=10e3, type="silica_visible")
    net = converted(visible, {"noise_rate_hz": 1000.0, "at": "station"})
    assert arm("alice", net).noise_rate_hz == 1000


def test_an_arm_without_a_converter_is_quiet() -> None:
    assert arm("alice", link()).noise_rate_hz == 0


# --- parts that do not fit, in Python ------------------------------------------------------------


def the_fault(build: Any) -> str:
    with pytest.raises(qn.InvalidInputError) as caught:
        build()
    (fault,) = caught.value.faults
    return str(fault)


RED, BLUE = {"wavelength_m": 780e-9}, {"wavelength_m": 422e-9}


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: link(alice=RED, bob=RED, fibres={"bob": FIBRE}),
            "fibres.bob_bsm = 780 nm: must lie in the table of fibre 'smf28_ultra', "
            "1310 to 1625 nm",
        ),
        (
            lambda: link(fibres={"alice": FIBRE}),
            "fibres.alice_bsm: needs the wavelength of the photons in fibre 'smf28_ultra'",
        ),
        (
            lambda: link(
                alice=RED,
                fibres={"bob": qn.FreeSpace(length_m=1.0, waist_m=0.1, receiver_radius_m=1.0)},
            ),
            "fibres.bob_bsm: needs the wavelength of the photons in free space",
        ),
        (
            lambda: link(alice=BLUE, converters={"alice": converter()}),
            "converters.alice_bsm.input_wavelength_m = 7.8e-07: "
            "must be the wavelength of alice's photons, 422 nm",
        ),
        (
            lambda: link(converters={"bob": converter()}),
            "nodes.bob.wavelength_m: is missing: its converter needs to know it",
        ),
        (
            lambda: link(alice=RED, bob=BLUE),
            "nodes.bob = photons of 422 nm: cannot interfere with alice's photons of 780 nm",
        ),
        (
            lambda: link(alice=RED, bob=RED, converters={"alice": converter()}),
            "nodes.bob = photons of 780 nm: cannot interfere with alice's photons of 1517 nm",
        ),
        (
            lambda: link(alice={"encoding": "time-bin"}),
            "nodes.alice.encoding = 'time-bin': must be 'polarisation', which its station measures",
        ),
        (
            lambda: link(
                station(measurement="time-bin"),
                fibres={"bob": qn.Fibre(length_m=1.0, attenuation_db_per_km=0.0, rotation_deg=3.0)},
            ),
            "fibres.bob_bsm: a rotation of polarisation is not modelled for a time-bin qubit",
        ),
        (
            lambda: link(
                station(measurement="single-photon"),
                fibres={
                    "alice": qn.Fibre(
                        length_m=1.0, attenuation_db_per_km=0.0, rotation_drift_deg_per_hour=1.0
                    )
                },
            ),
            "fibres.alice_bsm: a rotation of polarisation is not modelled for a number qubit",
        ),
    ],
)
def test_parts_whose_light_does_not_fit_are_refused_by_name(build: Any, message: str) -> None:
    assert the_fault(build) == message


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: station({"jitter_s": 2e-9}, window_length_s=1e-9),
            "window_length_s = 1e-09: must be the detector's jitter_s, 2e-09, or more",
        ),
        (
            lambda: station(absent_detectors=["H1", "V2"]),
            "accept: 'psi+' needs a detector that is absent: H1, V2",
        ),
        (
            lambda: station(measurement="time-bin", absent_detectors=["D2"], accept=["psi-"]),
            "accept: 'psi-' needs a detector that is absent: D2",
        ),
        (
            lambda: station(measurement="single-photon", absent_detectors=["D2"]),
            "accept: 'psi-' needs a detector that is absent: D2",
        ),
        (
            lambda: station(absent_detectors=["D1"]),
            "absent_detectors: 'D1' is none of H1, V1, H2, V2",
        ),
        (
            lambda: station({"dead_time_s": 3e-6}, measurement="time-bin"),
            "accept: 'psi+' needs a detector that clicks early to see the late bin too",
        ),
        (
            lambda: station(bin_separation_s=1e-6),
            "bin_separation_s belongs to the time-bin measurement, and to it alone",
        ),
        (
            lambda: station(measurement="time-bin", bin_separation_s=1e-7),
            "window_length_s = 1e-06: must be bin_separation_s, 1e-07, or less",
        ),
        (
            lambda: station(measurement="single-photon", coincidence_s=1e-9),
            "coincidence_s belongs to the polarisation measurement, and to it alone",
        ),
        (
            lambda: station(phase_noise_rad=0.1),
            "phase_noise_rad: a polarisation measurement does not see the nodes' phase",
        ),
        (
            lambda: node(
                cavity=qn.Cavity(
                    coupling_hz=1e6, decay_hz=1e6, escape_efficiency=1.0, coupling_efficiency=1.0
                )
            ),
            "collection_efficiency: given twice, for the cavity sets it",
        ),
        (
            lambda: node(collection_efficiency=None),
            "collection_efficiency is missing, and no cavity sets it",
        ),
        (
            lambda: node(photon_lifetime_s=None),
            "photon_lifetime_s is missing, and no species gives it",
        ),
        (
            lambda: node(species="rb78"),
            "species: no emitter is called that; did you mean 'rb87_d2'?",
        ),
        (
            lambda: node(encoding="number"),
            "bright_population belongs to the number encoding, and to it alone",
        ),
        (
            lambda: node(encoding="absorbing", detuning_hz=1e6),
            "detuning_hz: must be 0 for a memory that absorbs",
        ),
        (
            lambda: midpoint(photon_overlap=0.9),
            "photon_overlap: photons of a midpoint source do not meet",
        ),
        (
            lambda: midpoint(arrival_mismatch_s=1e-9),
            "arrival_mismatch_s: photons of a midpoint source do not meet",
        ),
        (lambda: station(photon_overlap=None), "photon_overlap is missing"),
        (
            lambda: qn.Fibre(length_m=1.0, attenuation_db_per_km=1.0, type="smf28_ultra"),
            "needs its attenuation once: either attenuation_db_per_km or type",
        ),
    ],
)
def test_a_part_that_contradicts_itself_says_where(build: Any, message: str) -> None:
    assert the_fault(build).endswith(message)


def test_a_nanometre_between_two_arms_is_left_to_their_detuning() -> None:
    link(alice={"wavelength_m": 780.0e-9}, bob={"wavelength_m": 780.5e-9})


# --- the same through a file ---------------------------------------------------------------------

TYPED = '{node = "bob", station = "bsm", length_m = 700.0, type = "%s"}'
CONVERTER = (
    'converters={a = {node = "alice", station = "bsm", input_wavelength_m = %s, '
    "output_wavelength_m = 1517e-9, efficiency = 0.57}}"
)
TIME_BIN = (
    "stations.bsm.measurement=time-bin",
    "stations.bsm.bin_separation_s=1e-6",
    "nodes.alice.encoding=time-bin",
    "nodes.bob.encoding=time-bin",
)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ("fibres.bob_bsm=" + TYPED % "smf28_ultra", "nodes.bob.wavelength_m=780e-9"),
            "fibres.bob_bsm = 780 nm: must lie in the table of fibre 'smf28_ultra', "
            "1310 to 1625 nm",
        ),
        (
            ("fibres.bob_bsm=" + TYPED % "silica_visibel",),
            "fibres.bob_bsm: type 'silica_visibel': no such fibre; did you mean 'silica_visible'?",
        ),
        (
            (CONVERTER % "637e-9", "nodes.alice.species=rb87_d2", "nodes.bob.wavelength_m=1517e-9"),
            "converters.a.input_wavelength_m = 6.37e-07: "
            "must be the wavelength of alice's photons, 780.241 nm",
        ),
        (
            ("nodes.alice.species=rb87_d2", "nodes.bob.species=sr88_422"),
            "nodes.bob = photons of 421.7 nm: cannot interfere with alice's photons of 780.241 nm",
        ),
        (
            ("nodes.bob.encoding=time-bin",),
            "nodes.bob.encoding = 'time-bin': must be 'polarisation', which its station measures",
        ),
        (
            ("stations.bsm.window_length_s=1e-10",),
            "stations.bsm: window_length_s = 1e-10: must be the detector's jitter_s, 3e-10, "
            "or more",
        ),
        (
            ('stations.bsm.absent_detectors=["V1", "V2"]',),
            "stations.bsm: accept: 'psi+' needs a detector that is absent: V1, V2",
        ),
        (
            ("fibres.bob_bsm.type=silica_visible",),
            "fibres.bob_bsm: needs its attenuation once: either attenuation_db_per_km or type",
        ),
        (
            (
                "nodes.alice.cavity={coupling_hz = 1e6, decay_hz = 1e6, escape_efficiency = 1.0, "
                "coupling_efficiency = 1.0}",
            ),
            "nodes.alice: collection_efficiency: given twice, for the cavity sets it",
        ),
        (
            (*TIME_BIN, "fibres.bob_bsm.rotation_deg=3"),
            "fibres.bob_bsm: a rotation of polarisation is not modelled for a time-bin qubit",
        ),
        (
            (*TIME_BIN, "stations.bsm.detector.dead_time_s=2e-6"),
            "stations.bsm: accept: 'psi+' needs a detector that clicks early to see the late bin "
            "too",
        ),
    ],
)
def test_settings_of_a_file_that_do_not_fit_get_one_message_by_its_names(
    munich: Path, settings: tuple[str, ...], message: str
) -> None:
    assert the_fault(lambda: qn.Scenario.load(munich, settings)) == message


def test_those_settings_fit_once_the_fault_is_mended(munich: Path) -> None:
    settings = (
        CONVERTER % "780.241e-9",
        "nodes.alice.species=rb87_d2",
        "nodes.bob.wavelength_m=1517e-9",
        "fibres.bob_bsm=" + TYPED % "smf28_ultra",
    )
    network = qn.Scenario.load(munich, settings).network()
    assert arm("alice", network).arriving_m == arm("bob", network).arriving_m == 1517e-9
    qn.Scenario.load(munich, TIME_BIN)


def test_a_cavity_that_oscillates_is_refused_beside_a_node_unlike_it() -> None:
    cavity = qn.Cavity(
        coupling_hz=8e6, decay_hz=5e6, escape_efficiency=0.7, coupling_efficiency=0.9
    )
    emitter = {"cavity": cavity, "collection_efficiency": None, "photon_lifetime_s": 26.24e-9}
    with pytest.raises(qn.InvalidInputError, match=r"nodes\.alice\.cavity: oscillates"):
        link(alice=emitter)
    link(alice=emitter, bob=emitter)


def test_photons_that_outlive_their_bins_are_refused() -> None:
    slow = {"encoding": "time-bin", "photon_lifetime_s": 100e-9}
    bins = station(measurement="time-bin", window_length_s=100e-9, bin_separation_s=300e-9)
    with pytest.raises(qn.InvalidInputError, match="early photons click in the late bin"):
        link(alice=slow, bob=slow, bsm=bins)
