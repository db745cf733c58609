"""``qnetsim keyrate``: secret bits a round from statistics, and what that number is worth."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from qnetsim.cli.common import number_or_best, print_tables
from qnetsim.cli.keyrate_options import checked_bound, option_of, written
from qnetsim.errors import Fault, InvalidInputError, QnetsimError

if TYPE_CHECKING:
    from qnetsim.security.finite.terms import KeyLength
    from qnetsim.security.keyrate import KeyRate
    from qnetsim.security.npa.certificate import Certificate
    from qnetsim.security.semidefinite import Asked, Observed

_NODES_WITH_S, _NODES_WITH_ALL = 16, 8
_PLAIN_PROGRESS_EVERY_S = 30.0
_LIST_COLUMNS, _NAME_COLUMNS = 80, 13
_PROJECTED = (
    "the devices behave as the behaviour nearest to the counts, which is an estimate: no "
    "confidence level stands behind it"
)


def _numbers(_: click.Context, __: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    """Reads numbers separated by commas."""
    try:
        return None if text is None else tuple(map(float, text.split(",")))
    except ValueError:
        raise click.BadParameter(f"{text!r} must be numbers separated by commas.") from None


_FINITE_HELP = """Adds the key length of a finite block: name=number pairs, separated by commas.
n: rounds of the block. eps_sound: soundness error. eps_complete: chance that honest devices abort.
f_ec or leak_bits: what is published to correct errors, over the Shannon limit or in bits.
With chsh (general attacks), test_fraction: share of test rounds; the best one if not given.
With two-basis (collective attacks), key_share and test_share: key and test rounds that the block is
played for, over n."""


@click.command()
@click.option("--bound", metavar="NAME", help="The entropy bound; --list names them.")
@click.option("--s", type=float, help="CHSH value, taken as exact.")
@click.option(
    "--q",
    metavar="Q[,Q1]",
    callback=_numbers,
    help="Error rate of the key; two for two key bases: Q0,Q1.",
)
@click.option(
    "--halves",
    metavar="E1,E2",
    callback=_numbers,
    help="For the asymmetric bound: <A0 B0> + <A0 B1> of the key setting A0, and "
    "<A1 B0> - <A1 B1>.",
)
@click.option("--bias", type=float, help="Mean outcome of the key setting, for the biased bound.")
@click.option("--parties", type=int, help="N of a conference key, Alice included.")
@click.option(
    "--statistics",
    type=click.Path(path_type=Path),
    help="All statistics, for the sdp bound: a JSON file, or the scenario (.toml) of a photonic "
    "link.",
)
@click.option(
    "--set",
    multiple=True,
    metavar="PATH=VALUE",
    help="Change a parameter of that scenario. Can be given many times.",
)
@click.option("--project", is_flag=True, help="Take counts for the nearest behaviour.")
@click.option(
    "--flip",
    metavar="NUMBER|best",
    callback=number_or_best,
    help="Flip probability of noisy preprocessing, or 'best'. 0 if not given.",
)
@click.option(
    "--sifting",
    type=float,
    help="Share of rounds that make key; 0.25 for two key bases and 1 elsewhere if not given.",
)
@click.option("--finite", metavar="NAME=NUMBER,...", help=_FINITE_HELP)
@click.option(
    "--nodes",
    type=click.IntRange(2, 64),
    help=f"Quadrature nodes of the sdp bound; {_NODES_WITH_S} with S alone and {_NODES_WITH_ALL} "
    "with all statistics if not given.",
)
@click.option("--level", help="Words of the moment matrix, 1+A+B+AB+AA if not given.")
@click.option("--solver", help="A solver that cvxpy has, CLARABEL if not given.")
@click.option(
    "--save-certificate", type=click.Path(path_type=Path), help="Write the proof here (.npz)."
)
@click.option(
    "--certificate",
    type=click.Path(path_type=Path),
    help="Prove and apply a certificate that was saved, without a solver.",
)
@click.option("--list", "listed", is_flag=True, help="Name every bound, its source and premises.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not tables.")
def keyrate(bound: str | None, listed: bool, as_json: bool, **options: Any) -> None:
    """Secret bits a round by an entropy BOUND, and what the number is worth.

    A rate is asymptotic and takes the statistics as exact; --finite says how long a key is.
    """
    from qnetsim.display import rich_view
    from qnetsim.report.keyrate import key_sections, title

    if listed:
        _list_bounds(as_json)
        return
    given = {name: value for name, value in options.items() if not _is_absent(value)}
    bound = checked_bound(bound, given)
    length, projected = None, None
    try:
        if bound == "sdp":
            rate, projected = _semidefinite(given)
        else:
            length, share = _key_length(bound, given) if "finite" in given else (None, None)
            rate = _closed_form(bound, given, share)
    except InvalidInputError:
        raise
    except ValueError as error:
        raise InvalidInputError([Fault(f"--bound {bound}", "", str(error))]) from None
    summary = _summary(rate, length, projected)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        print_tables(rich_view(title(summary), key_sections(summary)))


def _is_absent(value: Any) -> bool:
    return value is None or value is False or value == ()


def _closed_form(bound: str, given: Mapping[str, Any], share: float | None) -> KeyRate:
    """The rate; a finite block has its own share of key rounds."""
    from qnetsim.security import keyrate as rates

    q, flip = given["q"], given.get("flip", 0.0)
    sifting = given.get("sifting", share or (0.25 if bound == "two-basis" else 1.0))
    if bound == "chsh":
        return rates.chsh_rate(given["s"], q[0], sifting, flip)
    if bound == "two-basis":
        return rates.two_basis_rate(given["s"], q, sifting, flip)
    if bound == "asymmetric":
        return rates.asymmetric_rate(given["halves"], q[0], sifting, flip)
    if bound == "biased":
        return rates.biased_rate(given["s"], given["bias"], q[0], sifting, flip)
    if bound == "holz":
        return rates.holz_rate(q[0])
    return rates.parity_chsh_rate(given["parties"], q[0])


def _semidefinite(given: Mapping[str, Any]) -> tuple[KeyRate, float | None]:
    """The rate, and how far counts were projected."""
    from qnetsim.security.semidefinite import Asked, sdp_chsh_rate, sdp_rate

    everything = "statistics" in given
    flip, projected = given.get("flip"), None
    if everything:
        observed = _observed(given)
        projected = observed.behaviour.projected
    how: Asked | Certificate
    if "certificate" in given:
        how = _proved(given["certificate"])
    else:
        how = Asked(given.get("nodes", _NODES_WITH_ALL if everything else _NODES_WITH_S))
        if "level" in given:
            how = how._replace(level=given["level"])
        if "solver" in given:
            how = how._replace(solver=given["solver"].upper())
    with _failing_plainly(), _Progress() as progress:
        if everything:
            found = sdp_rate(observed, given.get("sifting", 1.0), how, progress)
        else:
            share = given.get("sifting", 0.25 if len(given["q"]) == 2 else 1.0)
            found = sdp_chsh_rate(given["s"], given["q"], share, flip or 0.0, how, progress)
    if "save_certificate" in given:
        _save(found.certificate, given["save_certificate"])
    return found.rate, projected


def _observed(given: Mapping[str, Any]) -> Observed:
    path, settings = given["statistics"], given.get("set", ())
    if path.suffix == ".toml":
        from qnetsim.photonic_scenario import PhotonicScenario

        unused = [
            Fault(option_of(name), written(given[name]), "is for files of statistics")
            for name in ("project", "flip")
            if name in given
        ]
        scenario = PhotonicScenario.load(path, (*settings, "protocol.bound='none'"))
        if unused:
            raise InvalidInputError(unused)
        try:
            return scenario.statistics()
        except ValueError as error:
            raise InvalidInputError([Fault("--statistics", str(path), str(error))]) from None
    from qnetsim.statistics_file import read_statistics

    if settings:
        raise InvalidInputError([Fault("--set", settings[0], "is for a scenario (.toml)")])
    return read_statistics(path, given.get("flip"), given.get("project", False))


@contextmanager
def _failing_plainly() -> Iterator[None]:
    """Turns a solver's failure into one of the command's own."""
    from qnetsim.security.npa.certificate import CertificateError
    from qnetsim.security.npa.program import SolverFailedError

    try:
        yield
    except (CertificateError, SolverFailedError) as error:
        raise QnetsimError(f"no bound: {error}") from None


def _proved(path: Path) -> Certificate:
    from qnetsim.security.npa.certificate import Certificate, CertificateError

    try:
        certificate = Certificate.load(path)
        certificate.verify()
    except OSError as error:
        bound = f"cannot be read: {error.strerror or error}"
    except CertificateError as error:
        bound = str(error)
    else:
        return certificate
    raise InvalidInputError([Fault("--certificate", str(path), bound)])


def _save(certificate: Certificate, path: Path) -> None:
    from qnetsim.files import write_whole

    with TemporaryDirectory() as folder:
        aside = Path(folder) / "certificate.npz"
        certificate.save(aside)
        write_whole(path, aside.read_bytes())


def _key_length(bound: str, given: Mapping[str, Any]) -> tuple[KeyLength, float | None]:
    """The length, and the block's share of key rounds where it is not all."""
    from qnetsim.security.finite.options import block_key_length, parsed_options

    q = given["q"]
    try:
        options = parsed_options(given["finite"])
        length = block_key_length(bound, given["s"], sum(q) / len(q), options)
        return length, options.get("key_share")
    except ValueError as error:
        raise InvalidInputError([Fault("--finite", given["finite"], str(error))]) from None


class _Progress:
    """Tells how many nodes are solved: a live line on a terminal, else a plain one every 30 s."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._shown = time.monotonic()

    def __enter__(self) -> _Progress:
        if self._live:
            click.echo("setting up the program", nl=False, err=True)
        return self

    def __call__(self, done: int, nodes: int) -> None:
        text = f"{done} of {nodes} nodes solved"
        if self._live:
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)
        elif time.monotonic() - self._shown >= _PLAIN_PROGRESS_EVERY_S:
            self._shown = time.monotonic()
            click.echo(text, err=True)

    def __exit__(self, *_: object) -> None:
        if self._live:
            click.echo("\r\x1b[K", nl=False, err=True)


def _summary(rate: KeyRate, length: KeyLength | None, projected: float | None) -> dict[str, Any]:
    summary = rate.summary()
    if projected is not None:
        summary["projected_by"] = projected
        summary["assumptions"].append(_PROJECTED)
    if length is not None:
        summary["key_length_bits"] = length.key_length_bits
        summary["key_length"] = length.summary()
    return summary


def _list_bounds(as_json: bool) -> None:
    from qnetsim.security.keyrate import BOUNDS

    if as_json:
        figures = {
            name: {**one._asdict(), "assumes": one.assumptions} for name, one in BOUNDS.items()
        }
        click.echo(json.dumps(figures, indent=2))
        return
    for name, one in BOUNDS.items():
        premises = "; ".join(one.assumes) or "nothing beyond isolated quantum devices"
        text = f"{name:{_NAME_COLUMNS}}{one.summary}. Assumes {premises}. {one.source}"
        indent = " " * _NAME_COLUMNS
        wrapped = textwrap.fill(
            text, _LIST_COLUMNS, subsequent_indent=indent, break_on_hyphens=False
        )
        click.echo(wrapped)
