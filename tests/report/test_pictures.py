"""``qnetsim plot``: whole pictures or none."""

from pathlib import Path

import pytest
from prompt import Command

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
