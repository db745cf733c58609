"""Fibres and classical channels."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim import units
from qnetsim.physics.noise import dephase, rotate
from qnetsim.physics.states import bell_state

HOUR = 3600 * units.PS_PER_S


def test_the_munich_fibre_transmits_half_and_takes_3_43_us() -> None:
    fibre = qn.Fibre(length_m=700.0, attenuation_db_per_km=4.30)
    assert math.prod(fibre.losses(None).values()) == pytest.approx(0.5, abs=1e-3)
    assert fibre.delay_ps == pytest.approx(3.43e6, rel=1e-3)


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 10))
def test_losses_of_joined_fibres_multiply(first: float, second: float, loss: float) -> None:
    def transmission(length_m: float) -> float:
        fibre = qn.Fibre(length_m=length_m, attenuation_db_per_km=loss)
        return math.prod(fibre.losses(None).values())

    joined = transmission(first) * transmission(second)
    assert transmission(first + second) == pytest.approx(joined, rel=1e-9, abs=1e-300)


def test_a_drifting_fibre_falls_until_it_is_realigned() -> None:
    fibre = qn.Fibre(
        length_m=0.0, attenuation_db_per_km=0.0, drift_db_per_hour=3.0, realign_every_s=7200.0
    )
    assert fibre.coupling(HOUR) == pytest.approx(10**-0.3)
    assert fibre.coupling(2 * HOUR - 1) == pytest.approx(10**-0.6)
    assert fibre.coupling(2 * HOUR) == 1
    assert fibre.next_realignment_ps(HOUR) == 2 * HOUR
    assert fibre.next_realignment_ps(2 * HOUR) == 4 * HOUR


def test_a_fibre_that_is_never_realigned_drifts_on() -> None:
    fibre = qn.Fibre(length_m=0.0, attenuation_db_per_km=0.0, drift_db_per_hour=1.0)
    assert fibre.coupling(20 * HOUR) == pytest.approx(0.01)
    assert fibre.next_realignment_ps(HOUR) == units.NEVER_PS


def test_a_message_takes_the_cable_and_the_electronics() -> None:
    channel = qn.ClassicalChannel(length_m=1000.0, group_index=1.5, electronics_s=1e-6)
    assert channel.latency_ps == round((1500 / 299792458 + 1e-6) * 1e12)


def test_insertion_loss_adds_in_decibels() -> None:
    fibre = qn.Fibre(length_m=1000.0, attenuation_db_per_km=1.0, insertion_loss_db=2.0)
    assert -10 * math.log10(math.prod(fibre.losses(None).values())) == pytest.approx(3)


def test_a_rotation_that_jitters_dephases_about_the_axis_of_rotation() -> None:
    fibre = qn.Fibre(length_m=1.0, attenuation_db_per_km=0.0, rotation_jitter_deg=12.0)
    state = bell_state("psi+")
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    turned = [rotate(state, 1, angle) for angle in np.radians(12.0) * nodes]
    mean = np.tensordot(weights / weights.sum(), turned, axes=1)
    assert np.allclose(mean, dephase(state, 1, fibre.rotation_coherence, "y"), atol=1e-14)


def test_a_rotation_grows_until_it_is_recompensated() -> None:
    fibre = qn.Fibre(
        length_m=1.0, attenuation_db_per_km=0.0, rotation_deg=1.0,
        rotation_drift_deg_per_hour=10.0, recompensate_every_s=7200.0,
    )  # fmt: skip
    assert math.degrees(fibre.rotation_rad(HOUR)) == pytest.approx(11)
    assert math.degrees(fibre.rotation_rad(2 * HOUR)) == pytest.approx(1)
    assert fibre.drifts
