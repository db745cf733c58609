"""Pictures of bounds and keys: what they draw is what the library says, beside what is printed."""

import importlib
import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from matplotlib.figure import Figure
from prompt import Command

from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.security import (
    correlations,
    finite_key,
    gallery,
    rate_map,
    thresholds,
    ustc,
    variants,
)
from qnetsim.report.security.published import EXPERIMENTS, MUNICH_BLOCK
from qnetsim.scenario import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def load_ustc(changes: Sequence[str]) -> PhotonicScenario:
    return PhotonicScenario.load(SCENARIOS / "ustc_2022.toml", changes)


def h(p: float) -> float:
    return -sum(x * math.log2(x) for x in (p, 1 - p) if x > 0)


def chsh(s: float) -> float:
    return 1 - h((1 + math.sqrt(s**2 / 4 - 1)) / 2)


def lines(figure: Figure, panel: int = 0) -> dict[str, np.ndarray]:
    """Labelled lines of a panel, as arrays of shape (2, n)."""
    drawn = figure.axes[panel].get_lines()
    return {line.get_label(): np.array(line.get_data(), dtype=float) for line in drawn}


# --- at the prompt -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "what"),
    [
        (None, "munich-key"),
        (None, "rate-map"),
        ("munich_2022", "correlations"),
        ("ustc_2022", "correlations"),
        ("ustc_2022", "ustc-table"),
        ("ustc_2022", "review-3c"),
        pytest.param(None, "review-3a", marks=pytest.mark.slow),
        pytest.param(None, "review-3b", marks=pytest.mark.slow),
        pytest.param(None, "thresholds", marks=pytest.mark.slow),
    ],
)
def test_each_picture_is_drawn_at_the_prompt(
    command: Command, tmp_path: Path, scenario: str | None, what: str
) -> None:
    path = tmp_path / "picture.svg"
    of = [SCENARIOS / f"{scenario}.toml"] if scenario else []
    done = command("plot", *of, "--what", what, "-o", path)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert path.read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "SCENARIO: is missing: --what rate needs it"),
        (["{munich}", "--what", "rate-map"], "--what rate-map takes none"),
        (["--what", "rate-map", "--set", "a=1"], "--set = a=1: --what rate-map takes no scenario"),
        (["{munich}", "--what", "ustc-table"], "SCENARIO = munich_2022: --what ustc-table is of"),
    ],
)
def test_a_picture_of_something_else_is_refused(
    command: Command, tmp_path: Path, munich: Path, arguments: list[str], message: str
) -> None:
    filled = [text.replace("{munich}", str(munich)) for text in arguments]
    done = command("plot", *filled, "-o", tmp_path / "picture.png")
    assert done.code == 2
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_the_help_names_every_picture(command: Command) -> None:
    plot = importlib.import_module("qnetsim.cli.plot")
    said = command("plot", "--help").out
    assert set(plot._OF_BOUNDS) == set(gallery.OF_BOUNDS)
    for name, line in {**plot._OF_LINKS, **plot._OF_BOUNDS}.items():
        assert f"{name:13} {line}" in said


# --- correlations --------------------------------------------------------------------------------


def test_correlations_stand_beside_the_printed_ones() -> None:
    result = Scenario.load(SCENARIOS / "munich_2022.toml").run(7)
    summary, published = result.summary(), result.published
    seen = {one.name: one for one in correlations.correlators_of(summary, published)}
    assert len(seen) == 8
    assert [name for name, one in seen.items() if one.published is None] == ["01", "10"]
    assert seen["20"].published is not None
    assert seen["20"].published.value == -0.599
    assert seen["20"].expected == pytest.approx(-0.6163, abs=1e-4)
    errors = correlations.error_rates_of(summary, published, result.protocol.key_pairs)
    assert [one.name for one in errors] == ["00", "11"]
    assert [one.published.value for one in errors if one.published] == [0.0781, 0.0777]
    assert [one.simulated for one in errors] == [
        (summary[f"qber_{k}"], summary[f"qber_{k}_stderr"]) for k in (0, 1)
    ]
    left, _ = correlations.draw_correlations("a link", summary, published, [(0, 0)]).axes
    assert "published 2.578 (0.822)" in left.get_title(loc="left")


# --- finite block --------------------------------------------------------------------------------


def test_munich_key_begins_near_the_printed_block_and_ends_at_the_endless_one() -> None:
    drawn = lines(finite_key.draw_munich_key())
    (hoeffding,) = (xy for label, xy in drawn.items() if label.startswith("Hoeffding"))
    assert hoeffding[0, 0] == pytest.approx(MUNICH_BLOCK.smallest, rel=0.1)
    assert (np.diff(hoeffding[1]) > 0).all()
    errors = np.mean([h(q) for q in MUNICH_BLOCK.qbers])
    endless = finite_key.asymptotic_rate(1.15)
    assert endless == pytest.approx((0.6760 - 1.15 * errors) / 4, abs=1e-4)
    assert 0.97 * endless < hoeffding[1, -1] < endless
    assert finite_key.munich_key(MUNICH_BLOCK.played, "clopper-pearson").key_length_bits == 0


# --- variants ------------------------------------------------------------------------------------


def test_rate_of_one_basis_against_errors_is_the_closed_form() -> None:
    curve = variants.error_rate_curve("chsh", noisy=False)
    ours = [chsh(2 * math.sqrt(2) * (1 - 2 * q)) - h(q) for q in curve.x[1:]]
    assert curve.rate[1:] == pytest.approx(ours, abs=1e-10)
    assert curve.x[-1] == pytest.approx(0.07149, abs=1e-5)


@pytest.mark.parametrize(("bound", "end"), [("chsh", 0.0808), ("two-basis", 0.0924)])
def test_noise_never_costs_and_reaches_farther(bound: str, end: float) -> None:
    plain = variants.error_rate_curve(bound, noisy=False)
    noisy = variants.error_rate_curve(bound, noisy=True)
    at_plain = np.interp(plain.x, noisy.x, noisy.rate)
    assert (at_plain >= plain.rate - 1e-3).all()
    assert noisy.x[-1] == pytest.approx(end, abs=1e-4)
    assert noisy.x[-1] > plain.x[-1]


def test_both_halves_of_the_test_give_as_much_as_s_or_more() -> None:
    halves = variants.error_rate_curve("asymmetric", noisy=False)
    s = 2 * math.sqrt(2) * (1 - 2 * halves.x)
    alone = np.array([chsh(max(x, 2.0)) - h(q) for x, q in zip(s, halves.x, strict=True)])
    assert (halves.rate >= alone - 1e-9).all()
    assert (halves.rate - alone).max() > 0.03


@pytest.mark.parametrize("noisy", [False, True])
def test_rate_against_efficiency_is_that_of_the_lossy_pair(noisy: bool) -> None:
    """By hand at the angles of a perfect pair, which other angles hardly beat.

    A missing click counts as +1 at either side, in the test and in the key.
    """
    rates = np.array([1e-3, 0.01, 0.1, 0.5])
    detected = variants.Detected(keep_no_clicks=False, state_angle=math.pi / 4)
    curve = variants.efficiency_curve("chsh", detected, rates, noisy)
    for eta, rate in zip(curve.x, rates, strict=True):
        flip = variants._best_flip(rate) if noisy else 0.0
        lost = 1 - eta
        y = (math.sqrt(2) * eta**2 + lost**2) ** 2 - 1
        noise = h((1 + math.sqrt((1 - 2 * flip) ** 2 + 4 * flip * (1 - flip) * y)) / 2)
        eve_bits = 1 + noise - h((1 + math.sqrt(y)) / 2)
        table = np.array(
            [[eta**2 / 2 + eta * lost + lost**2, eta * lost / 2], [eta * lost / 2, eta**2 / 2]]
        )
        table = (1 - flip) * table + flip * table[::-1]
        bob = table.sum(axis=0)
        ec_bits = sum(bob[b] * h(table[0, b] / bob[b]) for b in (0, 1))
        assert rate - 5e-4 < eve_bits - ec_bits < rate + 1e-8


def test_noise_reaches_lower_efficiencies_at_low_rates() -> None:
    rates = np.array([1e-4, 0.01])
    plain, noisy = (
        variants.efficiency_curve("chsh", variants.Detected(), rates, noise).x
        for noise in (False, True)
    )
    assert noisy[0] < plain[0] - 0.02
    assert (noisy <= plain).all()


# --- map -----------------------------------------------------------------------------------------


def test_the_map_ends_where_the_rates_do() -> None:
    one, two = (rate_map.normalised_rates(bound, 0.0) for bound in ("chsh", "two-basis"))
    worst = next(point for point in EXPERIMENTS if point.name == "Munich, worst case")
    at = np.abs(rate_map._Q - worst.q).argmin(), np.abs(rate_map._S - worst.s).argmin()
    assert two[at] > 0 > one[at]
    s, q = rate_map._S[-20], rate_map._Q[10]
    assert one[10, -20] == pytest.approx(chsh(s) - h(q), abs=1e-10)
    noisy = rate_map.normalised_rates("chsh", rate_map._FLIPS)
    assert (noisy >= one).all()
    assert ((noisy > 0) & (one < 0)).any()


# --- USTC ----------------------------------------------------------------------------------------


def test_ustc_table_has_the_certified_figures_beside_print() -> None:
    rows = ustc.table(load_ustc)
    assert [row.eve_bits for row in rows] == pytest.approx([0.560299, 0.659926, 0.999713], abs=2e-6)
    assert [row.rate_bits_per_s for row in rows] == pytest.approx([637, 488, 0.379], rel=5e-3)
    for row in rows:
        ours = row.kept * (row.eve_bits - row.bob_bits) * 2e6
        assert row.rate_bits_per_s == pytest.approx(ours, rel=1e-9)
    assert rows[0].cells()[2] == "0.560299 | 0.560206"


def test_post_selection_gives_no_key_where_its_printed_threshold_lies() -> None:
    curves = ustc.post_selection_curves(load_ustc)
    assert [curve.bound for curve in curves] == ["chsh"] * 3 + ["biased"]
    for curve in curves:
        positive = curve.x[curve.rate > 0]
        assert 0.862 < positive[0] < 0.875
        assert (np.diff(curve.rate[curve.rate > 0]) > 0).all()
    selected, kept = curves[0], curves[-1]
    low = np.abs(selected.x - 0.875).argmin()
    assert selected.rate[low] > kept.rate[low]


# --- documentation -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    path = SCENARIOS.parent / "docs" / "figures.py"
    spec = importlib.util.spec_from_file_location("figures", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_the_page_are_those_of_the_library(figures: ModuleType) -> None:
    page = figures.PAGE.read_text()
    assert figures.ustc_table(load_ustc) in page, "run: make figures"
    quick = [one for one in thresholds.ASKED if one.quantity == "qber" or one.angle]
    table = figures.markdown(thresholds.HEADINGS, thresholds.rows(quick))
    assert len(table.splitlines()) == 2 + 8 + 3 + 1
    for line in table.splitlines():
        assert line in page, "run: make figures"
    for name in (*gallery.OF_BOUNDS, "correlations", "ustc-table", "review-3c"):
        image = f"images/{name.replace('-', '_')}.png"
        assert name == "thresholds" or image in page
