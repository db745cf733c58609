"""The photon budget of an all-photonic link: prices that setting one part perfect gives."""

import json
import math
from pathlib import Path

import pytest
from prompt import Command

from qnetsim.budget import Budget
from qnetsim.photonic_budget import expected
from qnetsim.photonic_scenario import PhotonicScenario

SCENARIOS = Path(__file__).parents[1] / "scenarios"

PERFECT = [
    ("ustc_2022", "alice", "detectors", "alice.detector.efficiency=1.0"),
    ("ustc_2022", "pair_source", "white noise of pairs", "pair_source.visibility=1.0"),
    ("ustc_2022", "fibres.bob", "attenuation", "fibres.bob.attenuation_db_per_km=0.0"),
    ("photonic_swapping", "pair_source", "coupling", "pair_source.coupling_efficiency=1.0"),
    ("photonic_swapping", "bob.relay.pairs", "coupling", "bob.relay.pairs.coupling_efficiency=1.0"),
    (
        "photonic_swapping", "bob.relay.station", "overlap of modes",
        "bob.relay.station.photon_overlap=1.0",
    ),
    (
        "photonic_swapping", "fibres.bob_relay", "attenuation",
        "fibres.bob_relay.attenuation_db_per_km=0.0",
    ),
    ("amplifier_heralded", "bob", "optics", "bob.optics_transmission=1.0"),
    (
        "amplifier_heralded", "bob.relay.station", "dark counts",
        "bob.relay.station.detector.dark_count_rate_hz=0.0",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "part", "what", "setting"), PERFECT)
def test_a_price_is_what_the_scenario_gains_with_that_part_perfect(
    name: str, part: str, what: str, setting: str
) -> None:
    path = SCENARIOS / f"{name}.toml"
    budget = PhotonicScenario.load(path).budget()
    (item,) = [i for i in budget.items if (i.part, i.what) == (part, what)]
    perfect = PhotonicScenario.load(path, [setting])
    figures = expected(perfect.link(), perfect.model.protocol, certificate=perfect.certificate)
    rate_hz = figures.law.herald_probability * figures.pulse_rate_hz
    assert item.without.herald_rate_hz == pytest.approx(rate_hz, rel=1e-12)
    assert item.without.chsh_s == pytest.approx(figures.expected_chsh, rel=1e-12)
    assert item.without.fidelity == figures.law.heralded_fidelity
    assert item.without.key_rate_bits_per_round == figures.expected_key_rate_bits_per_round


@pytest.mark.parametrize("name", ["ustc_2022", "photonic_swapping", "amplifier_heralded"])
def test_the_present_yield_is_the_runs_closed_form(name: str, command: Command) -> None:
    path = SCENARIOS / f"{name}.toml"
    done = command("budget", path, "--json")
    assert done.code == 0
    present = json.loads(done.out)["present"]
    figures = json.loads(command("run", path, "--json").out)
    assert present["chsh_s"] == pytest.approx(figures["expected_chsh_s"], rel=1e-12)
    assert present["fidelity"] == figures["expected_heralded_fidelity"]
    assert present["qber"] == pytest.approx(figures["expected_qber"], rel=1e-12)
    assert present["key_rate_bits_per_s"] == figures["expected_key_rate_bits_per_s"]


def test_a_non_demolition_herald_and_single_pairs_have_a_budget() -> None:
    settings = [
        'bob.herald="non-demolition"',
        "bob.non_demolition.detection_probability=0.8",
        "bob.non_demolition.survival_probability=0.9",
        "bob.non_demolition.false_herald_probability=1e-3",
    ]
    budget = PhotonicScenario.load(SCENARIOS / "amplifier_heralded.toml", settings).budget()
    found = {item.what for item in budget.items if item.part == "bob.non_demolition"}
    assert found == {"announcement", "survival", "false heralds"}
    assert budget.chains["bob"]["announcement"] == 0.8


def test_both_accepted_states_are_nothing_to_gain() -> None:
    one = PhotonicScenario.load(
        SCENARIOS / "amplifier_heralded.toml", ['bob.relay.station.accept=["psi+"]']
    ).budget()
    (item,) = [i for i in one.items if i.what == "Bell states accepted"]
    ratio = item.without.herald_rate_hz / one.present.herald_rate_hz
    assert ratio == pytest.approx(2, rel=1e-9)


SINGLE_PAIRS = [
    f"{source}.{setting}"
    for source in ("pair_source", "bob.relay.pairs")
    for setting in ("statistics=single", "mean_pairs=0.3")
]


def herald_factors(budget: Budget, *parts: str) -> float:
    return math.prod(
        i.factor for i in budget.items if i.part in parts and i.kind in ("loss", "inherent")
    )


@pytest.mark.parametrize("accept", ['["psi-"]', '["psi+","psi-"]'])
def test_losses_of_single_pairs_multiply_to_the_herald_rate_of_swapping(accept: str) -> None:
    settings = [
        *SINGLE_PAIRS,
        "bob.relay.station.detector.dark_count_rate_hz=0.0",
        f"bob.relay.station.accept={accept}",
    ]
    budget = PhotonicScenario.load(SCENARIOS / "photonic_swapping.toml", settings).budget()
    parts = ("pair_source", "fibres.bob", "fibres.bob_relay", "bob.relay.pairs")
    product = herald_factors(budget, *parts, "bob.relay.station")
    assert budget.attempts == (76e6, 1.0, 76e6)
    assert product * budget.attempts.rate_hz == pytest.approx(
        budget.present.herald_rate_hz, rel=1e-9
    )
    (inherent,) = [i for i in budget.items if i.kind == "inherent"]
    assert inherent.without.herald_rate_hz == 2 * budget.present.herald_rate_hz
    assert inherent.without.chsh_s == budget.present.chsh_s


def test_losses_of_an_amplifier_multiply_to_the_heralds_that_a_photon_follows() -> None:
    settings = [
        "bob.relay.photons.mean_photons=1.0",
        "bob.relay.photons.g2=0.0",
        "bob.relay.station.detector.dark_count_rate_hz=0.0",
    ]
    scenario = PhotonicScenario.load(SCENARIOS / "amplifier_heralded.toml", settings)
    budget, law = scenario.budget(), expected(scenario.link(), scenario.model.protocol).law
    parts = ("pair_source", "fibres.bob", "bob.relay.photons", "bob.relay.station")
    both_users = law.cause_shares["pair"] * law.herald_probability
    alice_coupled = 0.99
    assert herald_factors(budget, *parts) * alice_coupled == pytest.approx(both_users, rel=1e-9)


def test_a_splitter_at_its_best_heralds_more_and_keeps_fewer_photons() -> None:
    budget = PhotonicScenario.load(SCENARIOS / "amplifier_heralded.toml").budget()
    (splitter,) = [i for i in budget.items if i.what.startswith("splitter")]
    assert splitter.factor == pytest.approx(2 * 0.99 * 0.01)
    assert splitter.without.herald_rate_hz > 10 * budget.present.herald_rate_hz
    assert splitter.without.chsh_s < budget.present.chsh_s


def test_pairs_on_demand_are_what_the_scenario_with_them_gains() -> None:
    path = SCENARIOS / "ustc_2022.toml"
    budget = PhotonicScenario.load(path).budget()
    (pairs,) = [i for i in budget.items if i.what == "pairs of a pulse"]
    on_demand = ["pair_source.statistics=single", "pair_source.mean_pairs=1.0"]
    other = PhotonicScenario.load(path, on_demand).budget()
    assert pairs.without == other.present
    assert not [i for i in other.items if i.what == "pairs of a pulse"]
