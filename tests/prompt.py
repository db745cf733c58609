"""The command at the prompt, run in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from qnetsim.cli import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


Command = Callable[..., Done]


def in_process(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["qnetsim", *map(str, arguments)])
        try:
            main()
            code: Any = 0
        except SystemExit as stop:
            code = stop.code or 0
        return Done(code, *capfd.readouterr())

    return run


def sets(*settings: str) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]
