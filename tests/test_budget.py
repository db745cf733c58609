"""The photon budget: factors that multiply to the herald probability, and honest prices."""

import json
import math
from pathlib import Path

import pytest
from hardware import link, station
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


def herald_factors(budget: Budget) -> float:
    return math.prod(i.factor for i in budget.items if i.kind in ("loss", "inherent"))


def test_losses_and_attempts_multiply_to_the_herald_rate(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    bsm = small_network.stations["bsm"]
    quiet = bsm.detector.model_copy(update={"dark_count_rate_hz": 0.0})
    small_network.stations["bsm"] = bsm.model_copy(
        update={"detector": quiet, "absent_detectors": ["V2"]}
    )
    messages = small_network.classical["bob", "bsm"]
    late = messages.model_copy(update={"jitter_mean_s": 1e-6, "allowance_s": 2e-6})
    small_network.classical["bob", "bsm"] = late
    found = budget_of(small_network, protocol, 1.0)
    assert {"absent detectors", "late and lost messages"} <= {i.what for i in found.items}
    attempts, factors = found.attempts, herald_factors(found)
    assert attempts.rate_hz * factors == pytest.approx(found.present.herald_rate_hz, rel=1e-12)
    # A herald ends its attempt before the answer has reached both nodes: a share p of attempts.
    by_duty_hz = attempts.back_to_back_hz * attempts.duty_cycle
    assert by_duty_hz == pytest.approx(attempts.rate_hz, rel=factors)
    light_s = 400 * 1.468 / 299792458
    assert 1 / attempts.back_to_back_hz == pytest.approx(2 * light_s + 100e-9 + 2e-6, rel=1e-6)


@pytest.mark.parametrize(
    ("name", "cycle_s", "lifetime_s"),
    [
        ("munich_2022", 1.12e-3, 20.0),
        ("oxford_2022", 0.8e-3, 194.0),
        ("munich_33km", 7.31e-3, 20.0),
    ],
)
def test_losses_and_attempts_of_published_links_multiply_to_their_herald_rates(
    munich: Path, name: str, cycle_s: float, lifetime_s: float
) -> None:
    dark = ["stations.bsm.detector.dark_count_rate_hz=0.0"]
    if name == "munich_33km":
        dark += [f"converters.{node}_bsm.noise_rate_hz=0.0" for node in ("alice", "bob")]
    found = Scenario.load(munich.parent / f"{name}.toml", dark).budget()
    # Either particle may be lost: half a cycle of attempts, until that is seen, heralds nothing.
    in_vain = cycle_s / lifetime_s
    product = found.attempts.rate_hz * herald_factors(found)
    assert 0 < product / found.present.herald_rate_hz - 1 < in_vain


def test_telling_all_bell_states_apart_gains_what_accepting_twice_as_many_does(
    budget: Budget,
) -> None:
    inherent = item(budget, "stations.bsm", "Bell measurement by linear optics")
    assert (inherent.kind, inherent.factor) == ("inherent", 0.5)
    # This link accepts one state of the two: accepting both is a link that can be built.
    twice = item(budget, "stations.bsm", "Bell states accepted").without
    assert inherent.without.herald_rate_hz == pytest.approx(twice.herald_rate_hz, rel=1e-9)
    assert inherent.without.herald_rate_hz < 1.9 * budget.present.herald_rate_hz
    unchanged = budget.present._replace(
        herald_rate_hz=inherent.without.herald_rate_hz,
        key_rate_bits_per_s=inherent.without.key_rate_bits_per_s,
    )
    assert inherent.without == unchanged


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        ("preparation", ["preparation_s=0.0"]),
        ("cooling", ["cooling.duration_s=1e-12"]),
        ("loading", ["trap.loading_mean_s=0.0"]),
        ("emptying", ["trap.emptying_s=0.0"]),
        ("shutter", ["shutter_s=0.0"]),
    ],
)
def test_what_takes_time_costs_what_the_scenario_gains_when_it_takes_none(
    budget: Budget, munich: Path, what: str, settings: list[str]
) -> None:
    both = [f"nodes.{node}.{setting}" for node in ("alice", "bob") for setting in settings]
    link = link_expectation(Scenario.load(munich, both).network(), "main", HOURS_75_S)
    found = item(budget, "links.main", what)
    assert found.kind == "time"
    assert found.without.herald_rate_hz == pytest.approx(link.herald_rate_hz, rel=1e-6)
    left = budget.attempts.rate_hz / link.attempt_rate_hz
    assert found.factor == pytest.approx(left, rel=1e-6)
    gain = found.without.herald_rate_hz / budget.present.herald_rate_hz
    assert gain == pytest.approx(1 / found.factor, rel=1e-3)


def test_light_and_messages_cost_their_share_of_an_attempt_and_the_memory_its_age(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    found = budget_of(small_network, protocol, 1.0)
    light = item(found, "links.main", "light and messages")
    round_trip_s = 2 * 400 * 1.468 / 299792458
    readout_s, chance = 1e-6, found.present.herald_rate_hz / found.attempts.rate_hz
    per_attempt_s = 100e-9 + chance * readout_s
    by_hand = per_attempt_s / (per_attempt_s + round_trip_s * (1 + chance))
    assert light.factor == pytest.approx(by_hand, rel=1e-6)
    assert light.without.fidelity == pytest.approx(found.present.fidelity, rel=1e-12)
    assert light.without.chsh_s > found.present.chsh_s


def test_only_what_the_link_does_takes_time(budget: Budget) -> None:
    assert [i.what for i in budget.items if i.kind == "time"] == [
        "preparation", "light and messages", "window and processing", "cooling", "loading",
        "readout", "shutter", "emptying",
    ]  # fmt: skip


def test_a_link_that_never_attempts_could_if_cooling_took_no_time(munich: Path) -> None:
    hot = ["nodes.alice.trap.lifetime_s=1e-3", "nodes.alice.cooling.duration_s=10.0"]
    found = Scenario.load(munich, hot).budget()
    assert found.attempts.rate_hz == 0
    assert [(i.what, i.factor) for i in found.items if i.kind == "time"] == [("cooling", 0.0)]


def test_recalibration_costs_what_it_takes(munich: Path) -> None:
    found = Scenario.load(munich.parent / "oxford_2022.toml").budget()
    paused = item(found, "links.main", "recalibration")
    assert paused.factor == pytest.approx(1800 / 1820, abs=0.02)
    assert paused.factor < 1


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


def test_a_perfect_link_has_nothing_to_gain_but_time_and_what_optics_cannot_do(
    protocol: qn.DIQKD,
) -> None:
    brief = {"photon_lifetime_s": 1e-9}
    found = budget_of(link(alice=brief, bob=brief), protocol, 1.0)
    assert {i.kind for i in found.items} == {"inherent", "time"}
    assert found.present.fidelity == pytest.approx(1, abs=1e-12)
    assert found.present.chsh_s == pytest.approx(2 * math.sqrt(2), abs=1e-12)


def test_heralds_of_both_nodes_photons_are_priced_where_one_heralds(protocol: qn.DIQKD) -> None:
    """Lossy and alike: a share a of the heralds, without which the fidelity would be 1."""
    parts = {"bright_population": 0.1, "collection_efficiency": 1e-5}
    bsm = station(measurement="single-photon")
    both = item(budget_of(link(bsm, parts, parts), protocol, 1.0), "stations.bsm", "both emitted")
    assert both.factor == pytest.approx(0.9, abs=1e-5)
    assert both.without.fidelity == pytest.approx(1, abs=1e-5)


def test_what_a_link_without_heralds_yields_is_unknown(protocol: qn.DIQKD) -> None:
    dark = {"collection_efficiency": 0.0}
    found = budget_of(link(alice=dark, bob=dark), protocol, 1.0).present
    assert found.herald_rate_hz == 0
    assert (found.fidelity, found.chsh_s, found.qber) == (None, None, None)


def test_the_prompt_prints_the_budget_as_a_table_and_as_json(
    command: Command, munich: Path
) -> None:
    code, table, _ = command("budget", munich)
    assert code == 0
    for words in (
        "from pulse to click", "overlap of modes", "bits a round", "0.0009872", "bits a second",
        "share of time attempting", "linear optics (inherent)", "what takes time",
    ):  # fmt: skip
        assert words in table
    found = json.loads(command("budget", munich, "--json").out)
    assert found["chains"]["bob"]["attenuation"] == pytest.approx(0.5, abs=1e-3)
    assert {"part", "what", "kind", "factor", "without"} == set(found["items"][0])
    assert found["present"]["herald_rate_hz"] == pytest.approx(0.0122, rel=0.01)
    assert found["attempts"]["duty_cycle"] == pytest.approx(0.4786, abs=1e-4)


def test_a_link_that_never_heralds_has_a_picture_of_its_budget(
    command: Command, munich: Path, tmp_path: Path
) -> None:
    dead = sets(
        "nodes.alice.collection_efficiency=0.0", "stations.bsm.detector.dark_count_rate_hz=0.0"
    )
    path = tmp_path / "picture.png"
    assert command("plot", munich, "--what", "budget", "-o", path, *dead).code == 0


def test_a_link_without_a_closed_form_has_no_budget_and_says_so(
    command: Command, munich: Path
) -> None:
    blind = "stations.bsm.detector.dead_time_s=1e-3"
    code, out, err = command("budget", munich, *sets(blind))
    assert (code, out) == (2, "")
    assert "stations.bsm.detector.dead_time_s = 0.001: is too many attempts long" in err


def test_a_wrong_scenario_has_no_budget(command: Command, munich: Path) -> None:
    code, _, err = command("budget", munich, *sets("nodes.bob.t2_s=-1"))
    assert code == 2
    assert "nodes.bob.t2_s = -1" in err
