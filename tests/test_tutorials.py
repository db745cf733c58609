"""The tutorials' files and scripts do what the tutorials say."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import qnetsim as qn


def test_the_first_study_is_collected_and_shown_as_its_tutorial_says(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (root / "docs" / "tutorials" / "first_study.md").read_text()
    (study,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "scenarios").symlink_to(root / "scenarios")
    (tmp_path / "atoms.toml").write_text(study)
    monkeypatch.chdir(tmp_path)
    assert len(qn.load_study("atoms.toml")) == 20
    few = qn.load_study("atoms.toml", ["block.max_rounds=20", "repeats=1"])
    right = qn.collect

    def in_threads(_: qn.Study, store: str) -> object:
        with ThreadPoolExecutor(1) as executor:
            return right(few, store, executor)

    monkeypatch.setattr(qn, "collect", in_threads, raising=False)
    exec(compile(script, "first_study.md", "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "expected_herald_rate_hz" in printed
    assert printed.count("\n") == 21
