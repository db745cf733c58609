"""The ``qnetsim`` command: results to standard output, progress to standard error.

Exit codes: 0 done, 1 the work failed, 2 the input is wrong, 130 interrupted.
"""

from __future__ import annotations

import io
import sys

import click

import qnetsim
from qnetsim.cli.audit import audit
from qnetsim.cli.budget import budget
from qnetsim.cli.collect import collect
from qnetsim.cli.combine import combine
from qnetsim.cli.common import FAILED, INTERRUPTED, WRONG_INPUT
from qnetsim.cli.keyrate import keyrate
from qnetsim.cli.plot import plot
from qnetsim.cli.report import report
from qnetsim.cli.require import require
from qnetsim.cli.run import run
from qnetsim.cli.threshold import threshold


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(qnetsim.__version__, prog_name="qnetsim")
def cli() -> None:
    """Simulate event-ready quantum links, from the laser pulse to secret bits."""


for command in (run, budget, plot, audit, keyrate, threshold, report, collect, combine, require):
    cli.add_command(command)


def main() -> None:
    """Runs the command; every failure has its exit code and one message."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # where the terminal is not UTF-8
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILED)
    except (qnetsim.QnetsimError, OSError) as error:
        click.echo(f"qnetsim: {error}", err=True)
        wrong = isinstance(error, qnetsim.InvalidInputError)
        sys.exit(WRONG_INPUT if wrong else FAILED)
