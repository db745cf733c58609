"""``qnetsim threshold``: the most noise or loss at which a bound still gives a key."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import click

from qnetsim.cli.common import number_or_best, print_tables
from qnetsim.errors import Fault, InvalidInputError

if TYPE_CHECKING:
    from qnetsim.security.thresholds import Threshold

_CONFERENCE = ("parity-chsh", "holz")
_BOUNDS = ("chsh", "asymmetric", "two-basis", "biased", *_CONFERENCE)
_MOST_PARTIES = 1000
_FOR_ETA = ("keep_no_clicks", "state_angle")


@click.command()
@click.option("--bound", metavar="NAME", help=f"One of {', '.join(_BOUNDS)}.")
@click.option(
    "--quantity",
    type=click.Choice(["qber", "eta"]),
    required=True,
    help="The largest error rate, or the smallest detection efficiency.",
)
@click.option(
    "--rate-floor",
    type=float,
    default=1e-8,
    show_default=True,
    help="R, at which rate/(1 - 2 flip)^2 the threshold is quoted, in bits a key round.",
)
@click.option(
    "--flip",
    callback=number_or_best,
    metavar="NUMBER|best",
    help="Flip probability of noisy preprocessing, 0 if not given; 0.5 stands for the limit.",
)
@click.option("--parties", type=int, help="N of a conference key by parity-chsh, Alice included.")
@click.option(
    "--keep-no-clicks", is_flag=True, help="Bob keeps key rounds without a click apart (eta)."
)
@click.option(
    "--state-angle",
    type=float,
    help="Fix the state cos t |00> + sin t |11>, "
    ".001 <= t <= pi/4 rad (eta); the best if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, not tables.")
def threshold(
    bound: str | None, quantity: Literal["qber", "eta"], as_json: bool, **options: Any
) -> None:
    """The most noise or loss at which a BOUND still gives a key, settings optimised.

    For qber the state is the maximally entangled one, depolarised; for eta a pure one, and both
    parties' detectors have that efficiency.
    """
    from qnetsim.security.keyrate import BOUNDS

    given = {k: v for k, v in options.items() if v is not None and v is not False}
    bound = _checked(bound, quantity, given)
    try:
        found = _found(bound, quantity, given)
    except ValueError as error:
        raise InvalidInputError([Fault(f"--bound {bound}", "", str(error))]) from None
    if as_json:
        figures = {"bound": bound, "quantity": quantity, "threshold": found.value}
        figures |= {"rate_floor": found.rate_floor, "parameters": found.parameters}
        figures |= {"certified": found.certified, "attacks": BOUNDS[bound].attacks}
        figures |= {"assumptions": BOUNDS[bound].assumptions}
        click.echo(json.dumps(figures, indent=2))
    else:
        _show(bound, quantity, found)


def _checked(bound: str | None, quantity: str, given: Mapping[str, Any]) -> str:
    """Returns the bound; raises every fault in what it is given, before any work is done."""
    from qnetsim.spec import suggestion

    if bound is None:
        raise InvalidInputError([Fault("--bound", "", f"is missing: {', '.join(_BOUNDS)}")])
    if bound not in _BOUNDS:
        unknown = "has no threshold here" + suggestion(bound, _BOUNDS)
        raise InvalidInputError([Fault("--bound", repr(bound), unknown)])
    if faults := list(_faults(bound, quantity, given)):
        raise InvalidInputError(faults)
    return bound


def _faults(bound: str, quantity: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    from qnetsim.security.thresholds import SMALLEST_ANGLE

    flip, floor, angle = given.get("flip", 0.0), given["rate_floor"], given.get("state_angle", 0.1)
    if not floor > 0:
        yield Fault("--rate-floor", f"{floor:g}", "must be above 0")
    if flip != "best" and not 0 <= flip <= 0.5:
        yield Fault("--flip", f"{flip:g}", "must lie in [0, 0.5]")
    if not SMALLEST_ANGLE <= angle <= math.pi / 4:
        yield Fault("--state-angle", f"{angle:g}", f"must lie in [{SMALLEST_ANGLE:g}, pi/4]")
    for name in _FOR_ETA:
        if name in given and quantity != "eta":
            yield Fault("--" + name.replace("_", "-"), "", "is for --quantity eta")
    yield from _party_faults(bound, given)
    if bound in _CONFERENCE:
        yield from _conference_faults(bound, quantity, given)


def _party_faults(bound: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    parties = given.get("parties")
    if bound != "parity-chsh":
        if parties is not None:
            yield Fault("--parties", str(parties), f"--bound {bound} does not use it")
    elif parties is None:
        yield Fault("--parties", "", f"is missing: --bound {bound} needs it")
    elif not 2 <= parties <= _MOST_PARTIES:
        yield Fault("--parties", str(parties), f"must lie in [2, {_MOST_PARTIES}]")


def _conference_faults(bound: str, quantity: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    if quantity == "eta":
        yield Fault("--quantity", quantity, f"--bound {bound} has a threshold of qber only")
    if "flip" in given:
        yield Fault("--flip", str(given["flip"]), f"--bound {bound} does not use it")


def _found(bound: Any, quantity: Literal["qber", "eta"], given: Mapping[str, Any]) -> Threshold:
    from qnetsim.security.thresholds import best_threshold, conference_threshold, threshold

    floor, flip = given["rate_floor"], given.get("flip", 0.0)
    if bound in _CONFERENCE:
        return conference_threshold(bound, given.get("parties", 3), floor)
    how: dict[str, Any] = {name: given[name] for name in _FOR_ETA if name in given}
    if flip == "best":
        return best_threshold(bound, quantity, floor, **how)
    return threshold(bound, quantity, floor, flip=flip, **how)


def _show(bound: str, quantity: str, found: Threshold) -> None:
    from qnetsim.display import Section, rich_view
    from qnetsim.security.keyrate import BOUNDS

    meaning = "error rate, at most" if quantity == "qber" else "detection efficiency, at least"
    figures = [(meaning, f"{found.value:.6g}"), ("rate/(1 - 2 flip)^2", f"{found.rate_floor:.3g}")]
    figures += [(name, f"{value:.6g}") for name, value in found.parameters.items()]
    worth = [("bound", BOUNDS[bound].source), ("attacks", BOUNDS[bound].attacks)]
    proved = "yes" if found.certified else "no: checked numerically at so steep a ray, not proved"
    first, *others = BOUNDS[bound].assumptions
    worth += [("certified", proved), ("assumes", first), *(("", text) for text in others)]
    angles = {"state", "bob_test"} & found.parameters.keys()
    title = "angles in rad" if angles else "where it is reached"
    tables = [
        Section(title, ("quantity", "value"), figures),
        Section("what it is worth", ("", "why"), worth),
    ]
    print_tables(rich_view(f"{bound}: threshold of {meaning} {found.value:.5f}", tables))
