"""Which options ``qnetsim keyrate`` takes for which bound, and what is wrong with those given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from qnetsim.cli.common import output_faults
from qnetsim.errors import Fault, InvalidInputError

_TSIRELSON = 8**0.5
_RANGES = {"bias": (-1, 1), "flip": (0, 0.5), "sifting": (0, 1), "parties": (2, 1000)}


class _Takes(NamedTuple):
    """Which options a bound needs and may be given, how many error rates, up to what."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    error_rates: tuple[int, ...] = (1,)
    largest_q: float = 1.0


_SOLVED = ("nodes", "level", "solver", "certificate", "save_certificate")
_TAKES: Mapping[str, _Takes] = {
    "chsh": _Takes(("s", "q"), ("flip", "sifting", "finite")),
    "two-basis": _Takes(("s", "q"), ("flip", "sifting", "finite"), (2,)),
    "asymmetric": _Takes(("halves", "q"), ("flip", "sifting")),
    "biased": _Takes(("s", "bias", "q"), ("flip", "sifting")),
    "sdp": _Takes(("s", "q"), ("flip", "sifting", *_SOLVED), (1, 2)),
    "parity-chsh": _Takes(("parties", "q"), largest_q=0.5),
    "holz": _Takes(("q",), largest_q=0.5),
}
_TAKES_WITH_STATISTICS = _Takes(("statistics",), ("set", "flip", "sifting", "project", *_SOLVED))


def checked_bound(bound: str | None, given: Mapping[str, Any]) -> str:
    """Returns the bound; raises every fault in what it is given, before any work is done."""
    if bound is None:
        raise InvalidInputError([Fault("--bound", "", "is missing; --list names the bounds")])
    if bound not in _TAKES:
        from qnetsim.spec import suggestion

        unknown = "unknown bound" + suggestion(bound, _TAKES)
        raise InvalidInputError([Fault("--bound", repr(bound), unknown)])
    takes, asked = _TAKES[bound], f"--bound {bound}"
    if bound == "sdp" and "statistics" in given:
        takes, asked = _TAKES_WITH_STATISTICS, "--bound sdp --statistics"
    known = (*takes.needs, *takes.may)
    needing = f"{asked} without --statistics" if bound == "sdp" else asked
    faults = [
        Fault(option_of(name), "", f"is missing: {needing} needs it")
        for name in takes.needs
        if name not in given
    ]
    for name, value in given.items():
        if name not in known:
            options = ", ".join(map(option_of, known))
            unused = f"{asked} does not use it, but {options}"
            faults.append(Fault(option_of(name), written(value), unused))
        elif wrong := _wrong(name, value, takes):
            faults.append(Fault(option_of(name), written(value), wrong))
    faults += _conflicts(bound, given)
    if "save_certificate" in given:
        faults += output_faults(given["save_certificate"], "--save-certificate")
    if faults:
        raise InvalidInputError(faults)
    return bound


def option_of(name: str) -> str:
    """Returns an option as it is written on the command line."""
    return "--" + name.replace("_", "-")


def written(value: Any) -> str:
    """Returns a value as it was written; empty for a flag."""
    if isinstance(value, tuple):
        return ",".join(f"{number:.9g}" for number in value)
    if value is True:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _wrong(name: str, value: Any, takes: _Takes) -> str:
    """What an option's value alone must be and is not; empty where nothing is wrong."""
    if name == "s" and not abs(value) <= _TSIRELSON:
        return f"must lie within 2 sqrt 2 ({_TSIRELSON:.9g}), beyond which no quantum device gets"
    if name == "q" and len(value) not in takes.error_rates:
        return f"must be {' or '.join(map(str, takes.error_rates))} number(s)"
    if name == "q" and not all(0 <= q <= takes.largest_q for q in value):
        return f"must lie in [0, {takes.largest_q:g}]"
    if name == "halves" and not (len(value) == 2 and value[0] ** 2 + value[1] ** 2 <= 4):
        return "must be E1,E2 with E1^2 + E2^2 <= 4, beyond which no quantum device gets"
    if name in _RANGES and value != "best":
        low, high = _RANGES[name]
        return "" if low <= value <= high else f"must lie in [{low:g}, {high:g}]"
    return ""


def _conflicts(bound: str, given: Mapping[str, Any]) -> Iterator[Fault]:
    """Yields what is wrong with options taken together."""
    if bound == "sdp" and given.get("flip") == "best":
        yield Fault("--flip", "best", "is for closed forms: give the sdp bound a number")
    if "finite" in given and "sifting" in given:
        own = "is of the asymptotic rate alone: with --finite it follows from the block's shares"
        yield Fault("--sifting", written(given["sifting"]), own)
    if "finite" in given and given.get("flip", 0.0) != 0.0:
        yield Fault("--flip", written(given["flip"]), "no key length here has noisy preprocessing")
    if "certificate" in given:
        for name in ("nodes", "level", "solver", "save_certificate"):
            if name in given:
                bound = "is for solving, and --certificate solves nothing"
                yield Fault(option_of(name), written(given[name]), bound)
    if bound == "biased" and {"s", "bias"} <= given.keys():
        s, bias = given["s"], given["bias"]
        if abs(bias) <= 1 and 2 * (2 - bias**2) ** 0.5 < abs(s) <= _TSIRELSON:
            most = "must lie within 2 sqrt(2 - bias^2), beyond which no quantum device gets"
            yield Fault("--s", written(s), most)
