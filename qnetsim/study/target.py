"""What hardware has to reach: a figure of the closed forms, at least or at most a number."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from qnetsim.budget import Yield
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.spec import shown, suggestion

FIGURES = Yield._fields
_PATTERN = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|=<|=>|<|>|==?)\s*(\S+)\s*")
_FORM = "must read 'figure >= number' or 'figure <= number'"
_TSIRELSON = 2 * math.sqrt(2)
_MOST = {"fidelity": 1.0, "qber": 1.0, "chsh_s": _TSIRELSON, "key_rate_bits_per_round": 1.0}
_FAR = 100.0
_NOTHING = -1e3


class Target(NamedTuple):
    """A figure that must reach a number.

    Attributes:
        figure: a field of ``budget.Yield``.
        at_least: whether the figure must be so large; else so small.
        value: the number, above 0.
    """

    figure: str
    at_least: bool
    value: float

    def __str__(self) -> str:
        """Returns it as a user writes it."""
        return f"{self.figure} {'>=' if self.at_least else '<='} {self.value:g}"

    def of(self, found: Yield | None) -> float | None:
        """Returns the target's figure of a link, ``None`` where it has none."""
        value: float | None = None if found is None else getattr(found, self.figure)
        return value

    def margin(self, found: Yield | None) -> float:
        """Returns how far a link is beyond the target: ln of the ratio, 0 or more once reached.

        A figure of 0 has no logarithm: a key rate is 0 in wide regions. There the margin is far
        below every other and still rises with S and falls with the error rate, so that a search
        finds its way out.

        Args:
            found: what the link yields, or ``None`` where there is no closed form.
        """
        value = self.of(found)
        if value is not None and value > 0:
            ratio = math.log(value) - math.log(self.value)
            return ratio if self.at_least else -ratio
        if value is not None and not self.at_least:
            return _FAR
        if found is None or found.chsh_s is None or found.qber is None:
            return _NOTHING
        return found.chsh_s / _TSIRELSON - found.qber - _FAR


def parse_targets(texts: Iterable[str]) -> list[Target]:
    """Returns targets as users write them, ``figure >= number`` or ``figure <= number``.

    Raises:
        InvalidInputError: some are none; lists every fault.
    """
    faults: list[Fault] = []
    targets: list[Target] = []
    for text in texts:
        read = _parsed(text)
        if isinstance(read, Fault):
            faults.append(read)
        elif any((t.figure, t.at_least) == (read.figure, read.at_least) for t in targets):
            faults.append(Fault("--target", shown(text), "the figure has such a target already"))
        else:
            targets.append(read)
    for target in targets:
        for other in targets:
            if _contradict(target, other):
                bound = f"leaves nothing beside '{other}'"
                faults.append(Fault("--target", shown(str(target)), bound))
    if not faults and not targets:
        faults.append(Fault("--target", "", "is missing: " + _FORM))
    if faults:
        raise InvalidInputError(faults)
    return targets


def _contradict(target: Target, other: Target) -> bool:
    same = target.figure == other.figure and target.at_least and not other.at_least
    return same and target.value > other.value


def _parsed(text: str) -> Target | Fault:
    match = _PATTERN.fullmatch(text)
    if match is None:
        return Fault("--target", shown(text), _FORM)
    figure, sign, number = match.groups()
    if figure not in FIGURES:
        unknown = "has no figure called that" + suggestion(figure, FIGURES)
        return Fault("--target", shown(text), unknown)
    if sign not in (">=", "<="):
        return Fault("--target", shown(text), _FORM)
    try:
        value = float(number)
    except ValueError:
        return Fault("--target", shown(text), f"'{number}' is no number")
    most = _MOST.get(figure, math.inf)
    if not 0 < value < math.inf:
        return Fault("--target", shown(text), "the number must be finite and above 0")
    if sign == ">=" and value > most:
        return Fault("--target", shown(text), f"no device has a {figure} above {most:.6g}")
    return Target(figure, sign == ">=", value)
