"""``qnetsim combine``: merge stores of studies."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("stores", nargs=-1, required=True, type=click.Path(path_type=Path))
def combine(stores: tuple[Path, ...]) -> None:
    """Merge STORES of studies into one, on standard output.

    Each row stands there once, in canonical order, so that what holds the same rows has the same
    bytes.
    """
    from qnetsim.study.combine import combine as merge

    notices, lines = merge(stores)
    for notice in notices:
        click.echo(notice, err=True)
    for line in lines:
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
