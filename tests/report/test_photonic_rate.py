"""All-photonic links against distance: heralds a second, or S, beside what physics allows."""

import math
from pathlib import Path

import pytest
from prompt import Command, sets

from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.photonic_rate import (
    chsh_at,
    draw_chsh,
    labels_of,
    length_of,
    rate_at,
    simulate_chsh,
    simulate_rates,
    stretched,
)

SCENARIOS = Path(__file__).parents[2] / "scenarios"
PERFECT_USERS = [
    f"{user}.{field}=1.0"
    for user in ("alice", "bob")
    for field in ("optics_transmission", "detector.efficiency")
]
PERFECT_SWAPPING = [
    *PERFECT_USERS,
    *(
        f"{source}.{field}"
        for source in ("pair_source", "bob.relay.pairs")
        for field in ("statistics=single", "mean_pairs=1.0", "coupling_efficiency=1.0")
    ),
    "bob.relay.station.optics_transmission=1.0",
    "bob.relay.station.detector.efficiency=1.0",
    "bob.relay.station.detector.dark_count_rate_hz=0.0",
]


def loaded(name: str, *settings: str) -> PhotonicScenario:
    return PhotonicScenario.load(SCENARIOS / f"{name}.toml", settings)


@pytest.mark.parametrize("km", [1.0, 50.0])
def test_perfect_swapping_reaches_the_limit_of_half_the_transmission_a_pulse(km: float) -> None:
    perfect = loaded("photonic_swapping", *PERFECT_SWAPPING)
    point = rate_at(perfect.link(), perfect.model.protocol, 1000 * km)
    by_hand = 76e6 * 10 ** (-0.02 * km) / 2
    assert point.event_ready_hz == pytest.approx(by_hand, rel=1e-12)
    assert point.herald_rate_hz == pytest.approx(by_hand, rel=1e-9)
    assert point.pairs_hz == pytest.approx(by_hand, rel=1e-9)


def test_a_perfect_non_demolition_herald_reaches_the_whole_transmission() -> None:
    settings = ["herald=non-demolition", *(f"non_demolition.{k}=1.0" for k in (
        "detection_probability", "survival_probability"))]  # fmt: skip
    perfect = loaded(
        "amplifier_heralded", *PERFECT_USERS, *(f"bob.{setting}" for setting in settings),
        "bob.non_demolition.false_herald_probability=0.0", "pair_source.coupling_efficiency=1.0",
    )  # fmt: skip
    point = rate_at(perfect.link(), perfect.model.protocol, 10_000.0)
    assert point.event_ready_hz == pytest.approx(76e6 * 10**-0.2, rel=1e-12)
    assert point.herald_rate_hz == pytest.approx(point.event_ready_hz, rel=1e-9)
    assert labels_of(perfect.link()).event_ready.endswith(", T a pulse")


def test_each_bell_measurement_halves_the_limit() -> None:
    both = loaded("amplifier_heralded", "alice.herald=relay")
    point = rate_at(both.link(), both.model.protocol, 10_000.0)
    assert point.event_ready_hz == pytest.approx(76e6 * 10**-0.2 / 4, rel=1e-12)
    assert labels_of(both.link()).event_ready.endswith(", T/4 a pulse")


def test_the_repeaterless_bound_is_one_bit_a_pulse_at_half_transmission() -> None:
    link = loaded("amplifier_heralded")
    length_m = 10 * math.log10(2) / 0.2 * 1000
    point = rate_at(link.link(), link.model.protocol, length_m)
    assert point.repeaterless_hz == pytest.approx(76e6, rel=1e-9)


def test_heralds_without_a_photon_outlast_those_with_one() -> None:
    link = loaded("amplifier_heralded")
    near, far = (rate_at(link.link(), link.model.protocol, m) for m in (1e3, 3e5))
    assert near.pairs_hz > 0.97 * near.herald_rate_hz
    assert far.pairs_hz < 0.01 * far.herald_rate_hz
    for point in (near, far):
        assert point.pairs_hz < point.event_ready_hz


def test_stretching_is_what_setting_the_lengths_does() -> None:
    names = ("fibres.bob", "fibres.bob_relay")
    by_hand = loaded("photonic_swapping", *(f"{name}.length_m=15000.0" for name in names))
    longer = stretched(loaded("photonic_swapping").link(), 30_000.0)
    assert longer == by_hand.link()
    assert length_of(longer) == 30_000.0


def test_a_fibre_that_no_light_goes_through_keeps_its_length() -> None:
    link = loaded("photonic_swapping", "bob.herald=none", "run.resolution=counts").link()
    longer = stretched(link, 20_000.0)
    assert [fibre.length_m for fibre in longer.fibres] == [0.0, 20_000.0]
    assert longer.relay_fibres == link.relay_fibres


def test_a_link_without_a_length_grows_alike_everywhere() -> None:
    link = loaded("ustc_2022", "fibres.alice.length_m=0.0", "fibres.bob.length_m=0.0").link()
    assert [fibre.length_m for fibre in stretched(link, 800.0).fibres] == [400.0, 400.0]


def test_simulated_heralds_agree_with_the_closed_form_each_in_its_own_way() -> None:
    link = loaded("amplifier_heralded")
    lengths = [1e3, 1e4, 1e5]
    points = simulate_rates(
        link.link(), link.model.protocol, lengths, seed=4, heralds=2000, report=lambda _: True
    )
    assert [point.length_m for point in points] == lengths
    deviations = []
    for point in points:
        expected = rate_at(link.link(), link.model.protocol, point.length_m).herald_rate_hz
        deviations.append((point.herald_rate_hz - expected) / point.stderr_hz)
        assert point.stderr_hz == pytest.approx(point.herald_rate_hz / math.sqrt(2000), rel=0.01)
    # 5.2 standard errors on three points: a false alarm below 1e-6.
    assert max(map(abs, deviations)) < 5.2
    assert max(deviations) - min(deviations) > 0.1, "equal draws would push all points alike"


def test_simulated_values_of_s_agree_with_the_closed_form() -> None:
    link = loaded("ustc_2022", "run.rounds_per_setting=1000000")
    lengths = [20.0, 1e3, 1e4]
    points = simulate_chsh(
        link.link(), link.model.protocol, lengths, seed=4, plan=link.plan, report=lambda _: True
    )
    for point in points:
        expected = chsh_at(link.link(), link.model.protocol, point.length_m).chsh_s
        # 5.2 standard errors on three points: a false alarm below 1e-6.
        assert abs(point.chsh_s - expected) < 5.2 * point.stderr
        assert point.stderr == pytest.approx(4e-4, rel=0.1)
    own = chsh_at(link.link(), link.model.protocol, 20.0).chsh_s
    assert own == pytest.approx(2.006693, abs=1e-6), "the closed form of the published length"


def test_an_interrupted_series_keeps_the_points_it_has() -> None:
    link = loaded("amplifier_heralded")
    points = simulate_rates(
        link.link(), link.model.protocol, [1e3, 1e4, 1e5], seed=4, heralds=50_000,
        report=lambda done: done < 1,
    )  # fmt: skip
    assert [point.length_m for point in points] == [1e3]


def test_the_picture_of_s_shows_the_local_bound_and_what_is_published() -> None:
    link = loaded("ustc_2022")
    curve = [chsh_at(link.link(), link.model.protocol, length) for length in (20.0, 2e3, 2e4)]
    figure = draw_chsh("a link", curve, [curve[0]._replace(stderr=0.001)], (20.0, 2.01))
    (axes,) = figure.axes
    labels = axes.get_legend_handles_labels()[1]
    assert {"closed form", "simulated", "published"} < set(labels)
    curve_line, bound = axes.get_lines()[:2]
    assert list(curve_line.get_xdata()) == [0.02, 2.0, 20.0]
    assert set(bound.get_ydata()) == {2.0}


@pytest.mark.parametrize(
    ("name", "few"),
    [("ustc_2022", "run.rounds_per_setting=1000"), ("amplifier_heralded", "run.max_rounds=10")],
)
def test_each_kind_of_photonic_link_has_its_picture(
    command: Command, tmp_path: Path, name: str, few: str
) -> None:
    path = tmp_path / "picture.png"
    arguments = ["--points", 1, "--heralds", 5, *sets(few)]
    assert command("plot", SCENARIOS / f"{name}.toml", "-o", path, *arguments).code == 0
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_a_photonic_link_has_no_timeline_and_says_so(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    for name in ("ustc_2022", "photonic_swapping"):
        done = command("plot", SCENARIOS / f"{name}.toml", "--what", "timeline", "-o", path)
        assert (done.code, done.out) == (2, "")
        assert "--what = timeline: is for links of memories only" in done.err
    assert list(tmp_path.iterdir()) == []
