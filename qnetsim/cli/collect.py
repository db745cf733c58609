"""``qnetsim collect``: play what a study lacks and keep its rows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

import qnetsim
from qnetsim.cli.common import FAILED, INTERRUPTED, interruptible

if TYPE_CHECKING:
    from qnetsim.study.collect import Summary

_MOST_WORKERS = 1024
_MOST_LOST = 5


def _count(_: click.Context, __: click.Parameter, text: str) -> int | None:
    """Reads an option that is a number of processes, or ``auto``."""
    if text == "auto":
        return None
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_WORKERS):
        raise click.BadParameter(f"{text!r} is neither 'auto' nor in 1..{_MOST_WORKERS}.")
    return int(text)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--resume",
    "store",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="Keeps the rows (.jsonl); made where there is none, gone on with where there is.",
)
@click.option(
    "--workers",
    callback=_count,
    default="auto",
    show_default=True,
    metavar="auto|N",
    help="Processes; 'auto' is one for each processor that may be used.",
)
@click.option(
    "--executor",
    default="processes",
    show_default=True,
    metavar="processes|dask://HOST:PORT",
    help="Where blocks are played.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change the study, e.g. repeats=3. Can be given many times.",
)
def collect(
    study: Path, store: Path, workers: int | None, executor: str, settings: tuple[str, ...]
) -> None:
    """Play what a STUDY file asks for and append each row to a file as it comes.

    Whatever ends it, the same command goes on from there. Ctrl-C waits for the blocks that workers
    are at; a second one does not.
    """
    from qnetsim.cli.progress import progress
    from qnetsim.study.collect import collect as play
    from qnetsim.study.executors import executor_of
    from qnetsim.study.study import load_study

    loaded = load_study(study, settings)
    _check_apart(store)
    with interruptible() as interrupted, executor_of(executor, workers) as pool:
        try:
            with progress(interrupted) as report:
                summary = play(loaded, store, pool, report=report)
        except KeyboardInterrupt:
            click.echo(f"interrupted: the same command goes on with {store}", err=True)
            sys.exit(INTERRUPTED)
    sys.exit(_tell(summary, store))


def _check_apart(store: Path) -> None:
    """Raises where rows would be kept in the file that standard output goes to."""
    try:
        same = os.path.samestat(store.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return
    if same:
        fault = qnetsim.errors.Fault("--resume", str(store), "is where standard output goes")
        raise qnetsim.InvalidInputError([fault])


def _tell(summary: Summary, store: Path) -> int:
    """Prints what came of it; returns the exit code."""
    done = summary.progress
    if summary.notice:
        click.echo(summary.notice, err=True)
    click.echo(
        f"{store}: {done.points_done} of {done.points} points done, {done.blocks} blocks "
        f"({summary.blocks_played} of them now), {done.rounds} rounds, {done.heralds} heralds"
    )
    for place, reason in summary.lost[:_MOST_LOST]:
        click.echo(f"lost: {place}: {reason}", err=True)
    if summary.lost:
        text = f"{len(summary.lost)} blocks lost their worker each time and are not stored"
        click.echo(f"{text}: the same command tries them again", err=True)
    if summary.failed_points:
        text = f"{summary.failed_points} of {done.points} points failed"
        click.echo(f"{text}: first: {summary.first_failure}", err=True)
    if summary.interrupted:
        click.echo(f"interrupted: the same command goes on with {store}", err=True)
        return INTERRUPTED
    return FAILED if summary.lost or summary.failed_points else 0
