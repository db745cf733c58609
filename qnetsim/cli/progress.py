"""How far a collection is: live on a terminal, else a plain line every 30 s."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qnetsim.study.collect import Report
    from qnetsim.study.progress import Progress

_PLAIN_EVERY_S = 30.0
_LIVE_EVERY_S = 0.1
_ALONE_S = 5.0
_ALONE = "waiting: the cluster has no workers"
_STOPPING = "stopping: waiting for the blocks that workers are at; Ctrl-C again leaves them"


@contextmanager
def progress(interrupted: list[int]) -> Iterator[Report]:
    """Yields what is told how far a collection is, and goes on until Ctrl-C.

    Args:
        interrupted: what ``interruptible`` yields.
    """
    if sys.stderr.isatty():
        with _live(interrupted) as report:
            yield report
    else:
        yield _plain(interrupted)


def shown(progress: Progress) -> str:
    """Returns how much is done and how fast."""
    rate = progress.heralds_per_s
    parts = [
        f"{progress.points_done:,} of {progress.points:,} points",
        f"{progress.rounds:,} rounds",
        *([] if rate is None else [f"{rate:,.{0 if rate >= 10 else 1}f} heralds/s"]),
        *(["no workers"] if progress.workers == 0 else []),
    ]
    return ", ".join(parts)


def left(progress: Progress) -> str:
    """Returns how long it takes yet; empty where that cannot be told."""
    seconds = progress.left_s
    if seconds is None:
        return ""
    for unit, length_s in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.{0 if seconds >= 10 * length_s else 1}f} {unit} left"
    return f"{seconds:.0f} s left"


def _loneliness() -> Callable[[Progress], bool]:
    """Returns what says whether there have been no workers for some seconds."""
    since = math.inf

    def alone(progress: Progress) -> bool:
        nonlocal since
        since = min(since, time.monotonic()) if progress.workers == 0 else math.inf
        return time.monotonic() - since >= _ALONE_S

    return alone


def _plain(interrupted: list[int]) -> Report:
    last = time.monotonic()
    told = told_alone = False
    alone = _loneliness()

    def report(progress: Progress) -> bool:
        nonlocal last, told, told_alone
        if (now_alone := alone(progress)) and not told_alone:
            click.echo(_ALONE, err=True)
        told_alone = now_alone
        if time.monotonic() - last >= _PLAIN_EVERY_S:
            last = time.monotonic()
            parts = [f"{progress.share:6.1%}  {shown(progress)}", left(progress)]
            click.echo(", ".join(filter(None, parts)), err=True)
        if interrupted and not told:
            told = True
            click.echo(_STOPPING, err=True)
        return not interrupted

    return report


@contextmanager
def _live(interrupted: list[int]) -> Iterator[Report]:
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    last = 0.0
    alone = _loneliness()

    def drawn(progress: Progress) -> RenderableType:
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        bar.add_column(no_wrap=True)
        bar.add_row(ProgressBar(1.0, progress.share), f"{progress.share:6.1%}", left(progress))
        lines = [shown(progress), *([_ALONE] if alone(progress) else [])]
        lines += [_STOPPING] if interrupted else []
        return Group(bar, *(Text(line) for line in lines))

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:

        def report(progress: Progress) -> bool:
            nonlocal last
            if time.monotonic() - last >= _LIVE_EVERY_S:
                last = time.monotonic()
                live.update(drawn(progress), refresh=True)
            return not interrupted

        yield report
