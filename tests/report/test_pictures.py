"""``qnetsim plot``: whole pictures or none."""

import os
import signal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prompt import Command, sets

from qnetsim.report import photonic_rate, rate

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
