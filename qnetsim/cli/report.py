"""``qnetsim report``: what came of a study, as a page or as a table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qnetsim.cli.common import output_faults

if TYPE_CHECKING:
    from qnetsim.study.store import Contents

PAGE, TABLES = ".html", (".csv", ".parquet")


@click.command()
@click.argument("store", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="The file to write: a page (.html), or a table of all points (.csv, .parquet).",
)
def report(store: Path, output: Path) -> None:
    """Report what a STORE of rows says of its studies.

    The page holds everything: tables, charts, closed forms and provenance. It needs no network.
    """
    contents = read_rows(store, output, (PAGE, *TABLES))
    if output.suffix.lower() == PAGE:
        _write_page(store, contents, output)
    else:
        _write_table(contents, output)


def read_rows(store: Path, output: Path, suffixes: tuple[str, ...]) -> Contents:
    """Returns a store with rows, or raises every fault in it and in where the output goes.

    A torn last line is told on standard error.

    Args:
        store: the file.
        output: a file to be written later.
        suffixes: that it may have.
    """
    from qnetsim.errors import Fault, InvalidInputError
    from qnetsim.study.store import read_store

    faults = output_faults(output, "--output")
    if output.suffix.lower() not in suffixes:
        bound = f"must end in {', '.join(suffixes[:-1])} or {suffixes[-1]}"
        faults = [Fault("--output", str(output), bound)]
    elif output.exists() and store.exists() and output.samefile(store):
        faults = [Fault("--output", str(output), "is the store itself")]
    try:
        contents = read_store(store)
    except InvalidInputError as error:
        raise InvalidInputError([*error.faults, *faults]) from None
    if not contents.count:
        faults.append(Fault(str(store), "", "holds no rows yet; 'qnetsim collect' adds them"))
    elif not contents.studies:
        faults.append(Fault(str(store), "", "holds rows of no study: its line is missing"))
    if faults:
        raise InvalidInputError(faults)
    if contents.notice:
        click.echo(contents.notice, err=True)
    return contents


@contextmanager
def counter() -> Iterator[Callable[[int], None]]:
    """Yields what shows on a terminal how many points are worked out; its line vanishes."""
    live = sys.stderr.isatty()

    def show(done: int) -> None:
        if live:
            click.echo(f"\r\x1b[K{done:,} points", nl=False, err=True)

    try:
        yield show
    finally:
        if live:
            click.echo("\r\x1b[K", nl=False, err=True)


def _write_page(store: Path, contents: Contents, output: Path) -> None:
    from qnetsim.files import write_whole
    from qnetsim.report.study.page import render
    from qnetsim.report.study.shown import shown_of

    with counter() as count:
        shown = shown_of(contents, count)
    told = {
        "store": store.name,
        "written by": f"qnetsim {contents.version}",
        "rows in it": f"{contents.count:,}",
    }
    if contents.notice:
        told["torn"] = contents.notice
    write_whole(output, render(shown, told).encode("utf-8", "replace"))


def _write_table(contents: Contents, output: Path) -> None:
    from qnetsim.files import write_whole
    from qnetsim.study.analysis import study_frame, to_parquet

    with counter() as count:
        frame = study_frame(contents, count)
    if output.suffix.lower() == ".csv":
        write_whole(output, frame.to_csv(index=False).encode())
    else:
        to_parquet(frame, output)
