"""A parameter that may be varied: what its change demands, and how far it may go."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.spec import shown
from qnetsim.study import parameters
from qnetsim.study.demand import Side

_FARTHEST = 1e6
_FARTHEST_INTEGER = 1e4
_NEXT_TO_CERTAIN = 1e-9
_SWING = 2.0
DB = 10 / math.log(10)
"""Decibels of a natural logarithm of 1."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Knob:
    """A varied parameter, or several that one path names and that change together.

    Its coordinate x is the natural logarithm of the ratio to today's value; of the ratio of odds
    p/(1 - p) for what lies between 0 and 1. So x = 0 is today, and every factor demands the same
    wherever it starts: of a small efficiency the factor by which it grows, of a good one that by
    which its loss shrinks, of an error or a noise rate that by which it falls. 1 and 0 themselves
    are infinitely far.

    Attributes:
        path: as the user names it.
        today: the present value of each parameter that it names, or the one of ``link.length_m``.
        leaves: their own paths; of ``link.length_m`` those of all channels.
        low: the least value allowed.
        high: the greatest.
        whole: whether it is an integer.
        odds: whether it lies between 0 and 1, or in a part of that up to 1.
        ranged: whether the user or a study's axis says how far it may go.
    """

    path: str
    today: tuple[float, ...]
    leaves: tuple[str, ...]
    low: float
    high: float
    whole: bool
    odds: bool
    ranged: bool

    @property
    def side(self) -> Side:
        """How far its coordinate may go; that of today's value is 0."""
        ends = [(self._x(self.low, now), self._x(self.high, now)) for now in self.today]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        return Side(min(low, 0.0), max(high, 0.0), int(self.today[0]) if self.whole else None)

    @property
    def swing(self) -> Span:
        """The ends of its coordinate in a tornado: its given range, else half and double."""
        side = self.side
        if self.ranged:
            return side.low, side.high
        step = math.log(_SWING)
        ends = [max(side.low, -step), min(side.high, step)]
        if side.whole is not None:
            ends = [side.around(ends[0])[1], side.around(ends[1])[0]]
        return ends[0], ends[1]

    def values(self, x: float) -> list[float]:
        """Returns the value of each parameter at a coordinate."""
        return [self._value(x, now) for now in self.today]

    def text(self, x: float) -> str:
        """Returns these values as a table shows them: one if they are alike."""
        texts = [f"{value:.6g}" for value in self.values(x)]
        return ", ".join(dict.fromkeys(texts))

    def per_log(self, x: float) -> float:
        """Returns dx/d ln(value) at a coordinate: 1, or 1/(1 - p) where odds count."""
        if not self.odds:
            return 1.0
        values = self.values(x)
        return len(values) / sum(1 - value for value in values)

    def settings(
        self, x: float, data: Mapping[str, Any], model: type[BaseModel]
    ) -> dict[str, float]:
        """Returns the value of each parameter in the file at a coordinate."""
        values = self.values(x)
        if len(set(values)) == 1:
            return parameters.expand(data, self.path, values[0], model)
        return dict(zip(self.leaves, values, strict=True))

    def _x(self, value: float, now: float) -> float:
        if self.odds:
            value, now = (v / (1 - v) for v in (value, now))
        return math.log(value) - math.log(now)

    def _value(self, x: float, now: float) -> float:
        if x == 0:
            return int(now) if self.whole else now
        ratio = math.exp(x)
        value = now * ratio / (1 - now + now * ratio) if self.odds else now * ratio
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value


def knobs_of(
    data: Mapping[str, Any],
    model: type[BaseModel],
    texts: Iterable[str],
    spans: Mapping[str, Span] | None = None,
) -> list[Knob]:
    """Returns the parameters that a user varies.

    Args:
        data: the scenario.
        model: its model.
        texts: ``path``, ``path=from:to``, or several of them with commas between.
        spans: how far other paths may go.

    Raises:
        InvalidInputError: something is wrong with them; lists every fault.
    """
    faults: list[Fault] = []
    knobs: list[Knob] = []
    for text in (part.strip() for line in texts for part in line.split(",")):
        try:
            knobs.append(_knob(data, model, text, spans or {}))
        except InvalidInputError as error:
            faults += [f._replace(path=_option(f.path)) for f in error.faults]
    faults += _overlaps(knobs)
    if faults:
        raise InvalidInputError(dict.fromkeys(faults))
    return knobs


def all_knobs(data: Mapping[str, Any], model: type[BaseModel]) -> list[Knob]:
    """Returns every number of the hardware that can be varied; parts of one kind change together.

    Left out is what is 0, absent or certain today, and so has no ratio to it.
    """
    knobs = []
    for path in dict.fromkeys(_paths(data)):
        try:
            knobs.append(_knob(data, model, path, {}))
        except InvalidInputError:
            continue
    return knobs


_MANY = ("nodes", "stations", "fibres", "free_space", "converters", "classical", "links")
_PARTS = (*_MANY, "pair_source", "alice", "bob")


def _paths(data: Mapping[str, Any]) -> Iterator[str]:
    for table in _PARTS:
        for parts, value in _numbers(data.get(table)):
            named = ("*", *parts[1:]) if table in _MANY else parts
            if parts and isinstance(value, int | float) and not isinstance(value, bool):
                yield ".".join((table, *named))


def _numbers(value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not isinstance(value, Mapping):
        yield (), value
        return
    for key, inner in value.items():
        for parts, leaf in _numbers(inner):
            yield (key, *parts), leaf


def _option(path: str) -> str:
    return path if path.startswith("--vary") else f"--vary {path}"


def _knob(
    data: Mapping[str, Any], model: type[BaseModel], text: str, spans: Mapping[str, Span]
) -> Knob:
    path, equals, span_text = (part.strip() for part in text.partition("="))
    if not path:
        raise InvalidInputError([Fault("--vary", shown(text), "must read path or path=from:to")])
    leaves = parameters.resolve(data, path, model)
    said = parameters.describe(model, path)
    if said.kind not in ("number", "integer"):
        raise InvalidInputError([Fault(path, "", f"is no number to vary ({said.kind})")])
    today = parameters.read(data, path, model)
    odds = said.high == 1 and 0 <= (said.low or 0) < 1 and said.kind == "number"
    if faults := list(_value_faults(path, today, odds)):
        raise InvalidInputError(faults)
    span = _span(text, path, span_text) if equals else spans.get(path)
    if span is not None and not _allowed(span, odds, said.low, said.high):
        least, most = said.low or 0.0, math.inf if said.high is None else said.high
        bound = f"must lie above 0 and in [{least:g}, {most:g}]"
        raise InvalidInputError([Fault(path, f"{span[0]:g}:{span[1]:g}", bound)])
    whole = said.kind == "integer"
    low, high = _ends(span, today, said.low, said.high, whole=whole, odds=odds)
    values = tuple(int(v) if whole else float(v) for v in today)
    return Knob(path, values, tuple(leaves), low, high, whole, odds, span is not None)


def _value_faults(path: str, today: Sequence[Any], odds: bool) -> Iterator[Fault]:
    for value in today:
        if value is None:
            yield Fault(path, "", "is absent today: --set it, so that there is a start")
        elif not isinstance(value, int | float) or isinstance(value, bool):
            yield Fault(path, shown(value), "is no number to vary")
        elif value <= 0:
            bound = "demand is a ratio to today's value: --set it above 0"
            yield Fault(path, shown(value), bound)
        elif odds and value >= 1:
            yield Fault(path, shown(value), "demand is a ratio of odds p/(1 - p): --set it below 1")


def _span(text: str, path: str, span: str) -> Span:
    """Returns the ends of a range ``from:to``."""
    try:
        first, second = (float(end) for end in span.split(":"))
    except ValueError:
        bound = "must read path=from:to with two numbers"
        raise InvalidInputError([Fault("--vary", shown(text), bound)]) from None
    if not (math.isfinite(first) and math.isfinite(second)) or first == second:
        raise InvalidInputError([Fault(path, span, "must lead from one number to another")])
    return min(first, second), max(first, second)


def _allowed(span: Span, odds: bool, low: float | None, high: float | None) -> bool:
    least = 0.0 if low is None else low
    within = least <= span[0] and (high is None or span[1] <= high)
    return within and (odds or span[0] > 0)


def _ends(
    span: Span | None,
    today: Sequence[float],
    least: float | None,
    most: float | None,
    *,
    whole: bool,
    odds: bool,
) -> Span:
    """Returns how far a parameter may go: a given range and today's value, or far around it."""
    low, high = min(today), max(today)
    if span is not None:
        low, high = min(low, span[0]), max(high, span[1])
    elif odds:
        low, high = (v / (1 - v) for v in (low, high))
        low, high = (v / (1 + v) for v in (low / _FARTHEST, high * _FARTHEST))
    else:
        factor = _FARTHEST_INTEGER if whole else _FARTHEST
        low, high = low / factor, high * factor
    if odds:
        return max(low, least or _NEXT_TO_CERTAIN), min(high, 1 - _NEXT_TO_CERTAIN)
    if least is not None and least > 0:
        low = max(low, least)
    if most is not None:
        high = min(high, most)
    return (max(1, math.ceil(low)), math.floor(high)) if whole else (low, high)


def _overlaps(knobs: Sequence[Knob]) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for knob in knobs:
        for leaf in knob.leaves:
            if leaf in seen:
                yield Fault(f"--vary {knob.path}", "", f"'{seen[leaf]}' varies {leaf} already")
                break
            seen[leaf] = knob.path
