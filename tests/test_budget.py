"""The photon budget: factors that multiply to the herald probability, and honest prices."""

import json
import math
from pathlib import Path

import pytest
from prompt import Command, sets

import qnetsim as qn
from qnetsim.budget import Budget, Item, budget_of
from qnetsim.protocols.expectation import link_expectation, protocol_expectation
from qnetsim.scenario import Scenario

HOURS_75_S = 270000.0


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario.load(Path(__file__).parents[1] / "scenarios" / "munich_2022.toml")


@pytest.fixture(scope="module")
def budget(scenario: Scenario) -> Budget:
    return scenario.budget()


def item(budget: Budget, part: str, what: str) -> Item:
    (found,) = [i for i in budget.items if i.part == part and i.what == what]
    return found


def test_factors_multiply_to_the_herald_probability_without_dark_counts(budget: Budget) -> None:
    dark = "stations.bsm.detector.dark_count_rate_hz=0.0"
    path = Path(__file__).parents[1] / "scenarios" / "munich_2022.toml"
    expected = link_expectation(Scenario.load(path, [dark]).network(), "main", HOURS_75_S)
    first, second = (math.prod(chain.values()) for chain in budget.chains.values())
    # One of the two Bell states that linear optics tells apart, each in two of sixteen ways.
    assert expected.herald_probability == pytest.approx(first * second / 4, rel=1e-12)


@pytest.mark.parametrize(
    ("part", "what", "setting"),
    [
        ("nodes.bob", "excitation", "nodes.bob.excitation_probability=1.0"),
        ("nodes.alice", "collection", "nodes.alice.collection_efficiency=1.0"),
        ("fibres.bob_bsm", "attenuation", "fibres.bob_bsm.attenuation_db_per_km=0.0"),
        ("stations.bsm", "detectors", "stations.bsm.detector.efficiency=1.0"),
        ("stations.bsm", "Bell states accepted", 'stations.bsm.accept=["psi+","psi-"]'),
        ("stations.bsm", "overlap of modes", "stations.bsm.photon_overlap=1.0"),
        ("stations.bsm", "dark counts", "stations.bsm.detector.dark_count_rate_hz=0.0"),
        ("nodes.bob", "atom-photon state", "nodes.bob.atom_photon_fidelity=1.0"),
        ("nodes.bob", "dephasing (T2)", "nodes.bob.t2_s=1e9"),
    ],
)
def test_a_price_is_what_the_scenario_gains_with_that_part_perfect(
    budget: Budget, part: str, what: str, setting: str
) -> None:
    path = Path(__file__).parents[1] / "scenarios" / "munich_2022.toml"
    perfect = Scenario.load(path, [setting])
    network = perfect.network()
    link = link_expectation(network, "main", HOURS_75_S)
    figures = protocol_expectation(perfect.model.protocol, network.arms("main"), link.states)
    without = item(budget, part, what).without
    assert without.herald_rate_hz == pytest.approx(link.herald_rate_hz, rel=1e-9)
    assert without.chsh_s == pytest.approx(figures.chsh_s, rel=1e-9)
    assert without.qber == pytest.approx(figures.qbers[0], rel=1e-6)


def test_no_loss_gains_when_it_is_perfect_less_than_nothing(budget: Budget) -> None:
    for lossy in budget.items:
        if lossy.kind == "loss":
            assert lossy.without.herald_rate_hz > budget.present.herald_rate_hz
            # Heralds per second gain less than heralds per attempt: rounds and reloads take time.
            gain = lossy.without.herald_rate_hz / budget.present.herald_rate_hz
            assert gain < 1 / lossy.factor


def test_an_open_window_takes_all_photons_and_no_more_dark_counts(budget: Budget) -> None:
    window = item(budget, "stations.bsm", "time window")
    assert window.factor == pytest.approx(0.2515, abs=1e-4)
    assert window.without.chsh_s > budget.present.chsh_s
    assert window.without.herald_rate_hz < budget.present.herald_rate_hz / window.factor


def test_an_open_window_lets_no_more_conversion_noise_in(munich: Path) -> None:
    scenario = Scenario.load(munich.parent / "munich_33km.toml")
    found = scenario.budget()
    window = item(found, "stations.bsm", "time window")
    assert window.without.chsh_s > found.present.chsh_s
    assert window.without.herald_rate_hz < found.present.herald_rate_hz / window.factor


def test_a_perfect_link_has_nothing_to_gain(protocol: qn.DIQKD) -> None:
    net = qn.Network()
    net.add(
        "bsm",
        qn.BellStation(
            detector=qn.Detector(efficiency=1.0, dark_count_rate_hz=0.0),
            window_start_s=0.0,
            window_length_s=1e-6,
            photon_overlap=1.0,
            accept=["psi+", "psi-"],
        ),
    )
    for name in ("alice", "bob"):
        readout = qn.Readout(duration_s=1e-6)
        atom = qn.MemoryNode(
            excitation_probability=1.0,
            collection_efficiency=1.0,
            photon_lifetime_s=1e-9,
            readout=readout,
        )
        net.add(name, atom)
        net.connect(name, "bsm", qn.Fibre(length_m=1.0, attenuation_db_per_km=0.0))
        net.connect(name, "bsm", qn.ClassicalChannel(length_m=1.0))
    net.link("main", ("alice", "bob"), "bsm")
    found = budget_of(net, protocol, 1.0)
    assert found.items == []
    assert found.present.fidelity == pytest.approx(1, abs=1e-12)
    assert found.present.chsh_s == pytest.approx(2 * math.sqrt(2), abs=1e-12)


def test_the_prompt_prints_the_budget_as_a_table_and_as_json(
    command: Command, munich: Path
) -> None:
    code, table, _ = command("budget", munich)
    assert code == 0
    for words in ("from pulse to click", "overlap of modes", "bits a round", "0.0009872"):
        assert words in table
    found = json.loads(command("budget", munich, "--json").out)
    assert found["chains"]["bob"]["attenuation"] == pytest.approx(0.5, abs=1e-3)
    assert {"part", "what", "kind", "factor", "without"} == set(found["items"][0])
    assert found["present"]["herald_rate_hz"] == pytest.approx(0.0122, rel=0.01)


def test_a_link_without_a_closed_form_has_no_budget_and_says_so(
    command: Command, munich: Path
) -> None:
    blind = "stations.bsm.detector.dead_time_s=1e-3"
    code, out, err = command("budget", munich, *sets(blind))
    assert (code, out) == (1, "")
    assert "no budget" in err


def test_a_wrong_scenario_has_no_budget(command: Command, munich: Path) -> None:
    code, _, err = command("budget", munich, *sets("nodes.bob.t2_s=-1"))
    assert code == 2
    assert "nodes.bob.t2_s = -1" in err
