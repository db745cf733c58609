"""Attenuation by wavelength: the tables, and what lies between their entries."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qnetsim as qn
from qnetsim.channels.attenuation import AttenuationTable, attenuation_tables

TABLES = sorted(attenuation_tables())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_sound_and_says_whose_figures_it_holds(name: str) -> None:
    table = attenuation_tables()[name]
    assert len(table.wavelengths_m) == len(table.db_per_km) >= 2
    assert list(table.wavelengths_m) == sorted(set(table.wavelengths_m))
    assert all(1e-7 < wavelength < 1e-5 for wavelength in table.wavelengths_m)
    assert all(0 < loss < 100 for loss in table.db_per_km)
    assert table.source


@pytest.mark.parametrize("name", TABLES)
def test_entries_are_given_back_and_nothing_is_known_outside_them(name: str) -> None:
    table = attenuation_tables()[name]
    for wavelength_m, db_per_km in zip(table.wavelengths_m, table.db_per_km, strict=True):
        assert table.at(wavelength_m) == pytest.approx(db_per_km, rel=1e-12)
    first, last = table.wavelengths_m[0], table.wavelengths_m[-1]
    assert table.at(first - 0.6e-9) is None
    assert table.at(last + 0.6e-9) is None


@pytest.mark.parametrize("wavelength_m", [422e-9, 421.7e-9, 780e-9, 780.241e-9])
def test_an_entry_of_a_nanometres_precision_holds_for_the_line_that_it_was_measured_on(
    wavelength_m: float,
) -> None:
    """422 * 1e-9 is above 422e-9, strontium's line below it, and rubidium's above 780 nm."""
    fibre = qn.Fibre(length_m=1000.0, type="silica_visible")
    db_per_km = 30.1 if wavelength_m < 500e-9 else 4.30
    assert fibre.losses(wavelength_m)["attenuation"] == pytest.approx(10 ** (-db_per_km / 10))


@given(st.sampled_from(TABLES), st.floats(0, 1))
def test_between_two_entries_the_attenuation_lies_between_theirs(name: str, share: float) -> None:
    table = attenuation_tables()[name]
    entries = list(zip(table.wavelengths_m, table.db_per_km, strict=True))
    for (short, first), (long, second) in pairwise(entries):
        found = table.at(min(short + share * (long - short), long))
        assert found is not None
        assert min(first, second) * (1 - 1e-12) <= found <= max(first, second) * (1 + 1e-12)


@pytest.mark.parametrize("power", [-4.0, 0.0, 1.5])
def test_a_power_law_through_the_entries_is_followed_exactly(power: float) -> None:
    """Rayleigh scattering goes with the power -4 of the wavelength."""

    def law(wavelength_m: float) -> float:
        return 0.9 * (wavelength_m / 1e-6) ** power

    known = (4e-7, 7e-7, 1.55e-6)
    table = AttenuationTable(known, tuple(map(law, known)), "made up")
    for wavelength_m in (4.2e-7, 6.99e-7, 1.1e-6, 1.5e-6):
        assert table.at(wavelength_m) == pytest.approx(law(wavelength_m), rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "wavelength_m", "length_m", "transmission"),
    [
        ("silica_visible", 780e-9, 700.0, 0.5),  # Munich 2022: half of the photons
        ("silica_visible", 422e-9, 100.0, 0.5),  # Oxford 2022: a factor two per 100 m
        ("silica_visible", 637e-9, 1700.0, 10**-1.36),  # Delft 2015: 8 dB/km
        ("smf28_ultra", 1550e-9, 50e3, 10**-0.9),
        ("g652d_cabled", 1550e-9, 50e3, 10**-1.1),
    ],
)
def test_fibres_of_published_links_transmit_what_is_printed(
    kind: str, wavelength_m: float, length_m: float, transmission: float
) -> None:
    fibre = qn.Fibre(length_m=length_m, type=kind)
    assert math.prod(fibre.losses(wavelength_m).values()) == pytest.approx(transmission, rel=2e-3)


def test_a_fibre_from_the_table_loses_what_one_of_that_attenuation_does() -> None:
    table = attenuation_tables()["smf28_ultra"]
    by_type = qn.Fibre(length_m=12e3, type="smf28_ultra", insertion_loss_db=1.0)
    by_hand = qn.Fibre(
        length_m=12e3, attenuation_db_per_km=table.at(1.517e-6), insertion_loss_db=1.0
    )
    assert by_type.losses(1.517e-6) == by_hand.losses(None)


def test_a_fibre_without_its_wavelength_or_outside_its_table_says_so() -> None:
    fibre = qn.Fibre(length_m=1.0, type="smf28_ultra")
    with pytest.raises(ValueError, match="needs the wavelength of the photons in fibre"):
        fibre.losses(None)
    with pytest.raises(ValueError, match="table of fibre 'smf28_ultra', 1310 to 1625 nm"):
        fibre.losses(780e-9)


@pytest.mark.parametrize(
    ("given_as", "message"),
    [
        ({}, "needs its attenuation once: either attenuation_db_per_km or type"),
        ({"attenuation_db_per_km": 0.2, "type": "smf28_ultra"}, "needs its attenuation once"),
        ({"type": "smf28_ulra"}, "no such fibre; did you mean 'smf28_ultra'"),
    ],
)
def test_an_attenuation_is_given_once(given_as: dict[str, object], message: str) -> None:
    with pytest.raises(qn.InvalidInputError, match=message) as caught:
        qn.Fibre(length_m=1.0, **given_as)
    assert len(caught.value.faults) == 1
