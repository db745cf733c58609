"""``qnetsim plot``: whole pictures or none."""

import os
import signal
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from prompt import Command, sets

from qnetsim.budget import Budget
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report import photonic_rate, rate
from qnetsim.report.budget import draw_budget
from qnetsim.report.timeline import draw_timeline
from qnetsim.scenario import Scenario

MUNICH = Path(__file__).parents[2] / "scenarios" / "munich_2022.toml"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("what", ["rate", "budget", "timeline"])
def test_each_picture_is_written_as_png_and_svg(
    command: Command, tmp_path: Path, munich: Path, what: str
) -> None:
    few = ["--points", 1, "--heralds", 5]
    for suffix, head in ((".png", PNG), (".svg", b"<?xml")):
        path = tmp_path / f"picture{suffix}"
        assert command("plot", munich, "--what", what, "-o", path, *few).code == 0
        assert path.read_bytes().startswith(head)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".png", ".svg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "{dir}/picture.txt"], "must end in .png, .svg or .pdf"),
        (["-o", "{dir}/no/picture.png"], "--output = {dir}/no/picture.png: cannot be written"),
        (["-o", "{dir}/old.png", "--set", "nodes.bob.t2_s=-1"], "nodes.bob.t2_s = -1"),
        (["-o", "{dir}/old.png", "--what", "spectrum"], "'spectrum' is not one of"),
    ],
)
def test_wrong_input_draws_nothing_and_keeps_what_is_there(
    command: Command, tmp_path: Path, munich: Path, arguments: list[str], message: str
) -> None:
    old = tmp_path / "old.png"
    old.write_bytes(b"old")
    filled = [text.replace("{dir}", str(tmp_path)) for text in arguments]
    code, _, err = command("plot", munich, *filled)
    assert code == 2
    assert message.replace("{dir}", str(tmp_path)) in err
    assert old.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["old.png"]


@pytest.mark.parametrize(
    ("scenario", "module", "simulate", "few"),
    [
        ("munich_2022", rate, "simulate_rates", "run.max_rounds=10"),
        ("amplifier_heralded", photonic_rate, "simulate_rates", "run.max_rounds=10"),
        ("ustc_2022", photonic_rate, "simulate_chsh", "run.rounds_per_setting=1000"),
    ],
)
@pytest.mark.parametrize(
    ("pressed_at", "code", "said"),
    [(2, 130, "interrupted: 2 of 4 points simulated\n"), (4, 0, "")],
)
def test_ctrl_c_marks_a_picture_that_lacks_points(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, root: Path,
    scenario: str, module: ModuleType, simulate: str, few: str,
    pressed_at: int, code: int, said: str,
) -> None:  # fmt: skip
    original = getattr(module, simulate)

    def pressing(*arguments: Any, report: Any, **options: Any) -> Any:
        def press(done: int) -> bool:
            if done == pressed_at:
                os.kill(os.getpid(), signal.SIGINT)
                monkeypatch.setattr(os, "kill", lambda *_: None)
            return bool(report(done))

        return original(*arguments, report=press, **options)

    monkeypatch.setattr(module, simulate, pressing)
    path = tmp_path / "picture.svg"
    arguments = ["-o", path, "--points", 4, "--heralds", 5, *sets(few)]
    done = command("plot", root / "scenarios" / f"{scenario}.toml", *arguments)
    assert (done.code, done.out, done.err) == (code, "", said)
    marked = "PARTIAL: 2 of 4 points" in path.read_text()
    assert marked == bool(said)


def overlapping(figure: Figure, axis: Any) -> list[tuple[str, str]]:
    """Returns the labels of an axis, major and minor, that lie on each other once drawn."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = [t.label1 for t in ticks if low <= t.get_loc() <= high and t.label1.get_text()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    assert len(boxes) >= 2, "too few labels to read a scale"
    return [
        (one, other)
        for k, (one, box) in enumerate(boxes)
        for other, beside in boxes[:k]
        if box.overlaps(beside)
    ]


@pytest.fixture(scope="module")
def budget() -> Budget:
    return Scenario.load(MUNICH).budget()


@pytest.mark.parametrize("most", [1.00003, 1.3, 2.0, 3.0, 4.5, 9.0, 30.0, 1e3, 1e12])
@pytest.mark.parametrize("least", [1.0, 0.97, 0.3, 0.02])
def test_factors_of_any_size_have_labels_that_can_be_read(
    budget: Budget, most: float, least: float
) -> None:
    now = budget.present
    factors = [most, least, *[1.0] * (len(budget.items) - 2)]
    items = [
        item._replace(without=now._replace(herald_rate_hz=factor * now.herald_rate_hz))
        for item, factor in zip(budget.items, factors, strict=True)
    ]
    figure = draw_budget("a link", replace(budget, items=items))
    assert overlapping(figure, figure.axes[0].xaxis) == []


def test_a_budget_shows_only_panels_with_a_gain(budget: Budget, root: Path) -> None:
    every_pulse = PhotonicScenario.load(root / "scenarios" / "ustc_2022.toml")
    (alone,) = draw_budget("a link", every_pulse.budget()).axes
    assert alone.get_xlabel().startswith("gain in S")
    assert "alice: detectors" in [text.get_text() for text in alone.get_yticklabels()]
    both = draw_budget("a link", budget).axes
    assert [axes.get_xlabel().split()[0] for axes in both] == ["rounds", "gain"]


@pytest.mark.parametrize("settings", [[], ["fibres.bob_bsm.length_m=0.0"]])
def test_a_timeline_keeps_its_labels_apart_and_names_the_photon_of_the_herald(
    munich: Path, settings: list[str]
) -> None:
    figure = draw_timeline("a link", Scenario.load(munich, settings).network(), "main", 2)
    (axes,) = figure.axes
    assert overlapping(figure, axes.yaxis) == []
    solid = {line.get_label(): line for line in axes.get_legend().get_lines()}
    assert solid["photon of the herald"].get_linestyle() == "-"
    assert solid["photon"].get_linestyle() == "--"
