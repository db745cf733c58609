"""The least demanding point at which functions reach their targets: a search without physics.

Coordinates are the logarithms by which parameters change, so that the origin is today's hardware
and the distance from it what a change demands. The least demanding point is the one next to the
origin of all at which every margin is 0 or more: the design point of structural reliability.

References:
    Hasofer and Lind, J. Eng. Mech. 100, 111 (1974).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import qmc

Vector = NDArray[np.float64]

_STEP = 0.25
_EXACT = 1e-10
_SLOPE_STEP = 1e-3
_RAYS = 4
_PASSES = 4
_LINE_POINTS = 17
_TURNS = (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003)
_MOST_WHOLE = 3


class Side(NamedTuple):
    """How far a coordinate may go.

    Attributes:
        low: its least value, 0 or less.
        high: its greatest, 0 or more.
        whole: the integer that the origin stands for, of a parameter that is an integer n at
            ln(n/whole); ``None`` where every value is allowed.
    """

    low: float
    high: float
    whole: int | None = None

    def around(self, x: float) -> tuple[float, float]:
        """Returns the allowed values at or next to a coordinate, below and above it."""
        if self.whole is None:
            return x, x
        number = self.whole * math.exp(x)
        near = round(number)
        if abs(number - near) < _EXACT * max(1.0, number):
            return self._at(near), self._at(near)
        return self._at(math.floor(number)), self._at(math.ceil(number))

    def _at(self, number: int) -> float:
        assert self.whole is not None
        return min(max(math.log(max(number, 1) / self.whole), self.low), self.high)


class Found(NamedTuple):
    """What a search found.

    Attributes:
        point: the least demanding point that reaches all targets, or ``None`` if none does.
        best: the point that comes next to all targets, of those that were tried.
    """

    point: Vector | None
    best: Vector


class Search:
    """Looks for the point next to the origin at which every margin is 0 or more.

    Args:
        margins: maps a point to one margin for each target; negative where it is missed.
        sides: how far each coordinate may go; integers' ends must be integers.
    """

    def __init__(self, margins: Callable[[Vector], Vector], sides: Sequence[Side]) -> None:
        self._asked = margins
        self._sides = list(sides)
        self._low = np.array([side.low for side in sides])
        self._high = np.array([side.high for side in sides])
        self._known: dict[tuple[float, ...], Vector] = {}
        self.best = np.zeros(len(sides))

    def margins(self, point: Vector) -> Vector:
        """Returns the margins at a point; between integers, what lies between theirs."""
        if any(a != b for a, b in self._corners(point)):
            return self._between(point)
        point = np.array([low for low, _ in self._corners(point)])
        key = tuple(point.tolist())
        if key not in self._known:
            self._known[key] = self._asked(point)
            if self._known[key].min() > self._at(self.best):
                self.best = point
        return self._known[key]

    def least(self) -> Found:
        """Returns the least demanding point."""
        starts = [x for x in self._starts() if x is not None]
        if not starts:
            self._climb()
            if self._at(self.best) < 0:
                return Found(None, self.best)
            starts = [self._first(self.best)]
        relaxed = self._refined(starts)
        return Found(self._in_whole_numbers(relaxed), self.best)

    def alone(self, number: int) -> Vector | None:
        """Returns the least demanding point with one coordinate changed, or ``None``."""
        return self._alone(number, np.zeros(len(self._sides)))

    # --- points --------------------------------------------------------------------------------

    def _at(self, point: Vector) -> float:
        return float(self.margins(point).min())

    def _corners(self, point: Vector) -> list[tuple[float, float]]:
        return [side.around(float(x)) for side, x in zip(self._sides, point, strict=True)]

    def _between(self, point: Vector) -> Vector:
        """Returns margins between integers: each coordinate's two neighbours, weighted linearly."""
        corners = self._corners(point)
        total: Vector = np.zeros(1)
        for choice in product((0, 1), repeat=sum(a != b for a, b in corners)):
            chosen, weight, picks = [], 1.0, iter(choice)
            for x, (low, high) in zip(point.tolist(), corners, strict=True):
                upper = next(picks) if high > low else 0
                share = (x - low) / (high - low) if high > low else 0.0
                weight *= share if upper else 1 - share
                chosen.append(high if upper else low)
            total = total + weight * self.margins(np.array(chosen))
        return total

    # --- lines ---------------------------------------------------------------------------------

    def _alone(self, number: int, base: Vector) -> Vector | None:
        """Returns the least change of one coordinate that reaches all from a base, or ``None``."""
        found = []
        for end in (self._low[number], self._high[number]):
            stop = base.copy()
            stop[number] = end
            start = base.copy()
            start[number] = 0.0
            if (share := self._crossing(start, stop)) is not None:
                point = start + share * (stop - start)
                corner = self._sides[number].around(float(point[number]))
                point[number] = max(corner, key=abs)
                found.append(point)
        return min(found, key=_demand, default=None)

    def _crossing(self, start: Vector, stop: Vector, step: float = _STEP) -> float | None:
        """Returns the least share of a line from which on all is reached, or ``None``.

        The line is looked at every ``step``, and at what lies between where it has a peak.
        """
        length = _demand(stop - start)
        if self._at(start) >= 0:
            return 0.0
        if not length:
            return None

        def at(share: float) -> float:
            return self._at(start + share * (stop - start))

        shares = np.linspace(0, 1, max(2, math.ceil(length / step)) + 1).tolist()
        values = [at(0.0)]
        for k in range(1, len(shares)):
            values.append(at(shares[k]))
            if k > 1 and values[k] < 0 and values[k - 2] < values[k - 1] >= values[k]:
                inside = {"bounds": (shares[k - 2], shares[k]), "method": "bounded"}
                peak = minimize_scalar(lambda x: -at(x), **inside)
                if peak.fun <= 0:
                    return _root(at, shares[k - 2], float(peak.x))
            if values[k] >= 0:
                return _root(at, shares[k - 1], shares[k])
        return None

    def _first(self, point: Vector) -> Vector:
        """Returns the first point towards one that reaches all which reaches all too."""
        share = self._crossing(np.zeros(len(point)), point)
        return point if share is None else share * point

    # --- where to look -------------------------------------------------------------------------

    def _starts(self) -> Iterator[Vector | None]:
        """Yields points that reach all: each coordinate alone, then along many directions."""
        size = len(self._sides)
        nearest = math.inf
        for number in range(size):
            yield (point := self.alone(number))
            nearest = min(nearest, _demand(point) if point is not None else math.inf)
        if size == 1:
            return
        for direction in self._directions():
            stop = self._end(direction)
            if _demand(stop) > nearest:
                stop *= nearest / _demand(stop)
            share = self._crossing(np.zeros(size), stop, 2 * _STEP)
            if share is not None:
                yield share * stop
                nearest = min(nearest, share * _demand(stop))

    def _directions(self) -> Iterator[Vector]:
        """Yields the steepest direction, all coordinates alike, and some that fill the sphere."""
        slope = self._slopes(np.zeros(len(self._sides)), 0.05).min(axis=0)
        better = np.where(slope < 0, -1.0, 1.0)
        if slope.any():
            yield slope / _demand(slope)
        yield better
        size = len(self._sides)
        for k, point in enumerate(qmc.Sobol(size, scramble=False).random_base2(_RAYS)[1:]):
            yield better * point if k % 2 else 2 * point - 1

    def _end(self, direction: Vector) -> Vector:
        """Returns where a direction leaves the ranges; coordinates that may go no further stay."""
        limits = np.where(direction < 0, self._low, self._high)
        free = (direction != 0) & (limits != 0)
        if not free.any():
            return np.zeros(len(direction))
        scale = float(np.max(limits[free] / direction[free]))
        end: Vector = np.clip(scale * direction, self._low, self._high)
        return end

    def _climb(self) -> None:
        """Follows the coordinates one by one to a point that comes as near as any."""
        for _ in range(_PASSES):
            before = self._at(self.best)
            for number, side in enumerate(self._sides):
                for x in np.linspace(side.low, side.high, _LINE_POINTS):
                    trial = self.best.copy()
                    trial[number] = x
                    self.margins(np.array([a for a, _ in self._corners(trial)]))
                self._climb_near(number, (side.high - side.low) / (_LINE_POINTS - 1))
            if self._at(self.best) - before < _EXACT or before >= 0:
                return

    def _climb_near(self, number: int, width: float) -> None:
        side, base = self._sides[number], self.best.copy()
        low = max(side.low, base[number] - width)
        high = min(side.high, base[number] + width)

        def cost(x: float) -> float:
            trial = base.copy()
            trial[number] = x
            return -self._at(trial)

        if low < high:
            minimize_scalar(cost, bounds=(low, high), method="bounded", options={"xatol": 1e-4})

    # --- the nearest of all --------------------------------------------------------------------

    def _refined(self, starts: Sequence[Vector], fixed: Sequence[int] = ()) -> Vector:
        """Returns the point nearest to the origin that is found from some that reach all."""
        starts = sorted(starts, key=_demand)[: 2 + len(self._sides)]
        free = [k for k in range(len(self._sides)) if k not in fixed]
        if len(free) < 2 and not fixed:
            return starts[0]
        best = starts[0]
        for start in starts:
            end = self._descended(start, free)
            if _demand(end) < _demand(best):
                best = end
        return self._turned(best) if not fixed else best

    def _descended(self, start: Vector, free: Sequence[int]) -> Vector:
        """Returns the end of a descent by quadratic programs, moved to where all is reached."""

        def whole(x: Vector) -> Vector:
            point = start.copy()
            point[free] = np.clip(x, self._low[free], self._high[free])
            return point

        constraint = {
            "type": "ineq",
            "fun": lambda x: np.clip(self.margins(whole(x)), -10.0, 10.0) - 10 * _EXACT,
            "jac": lambda x: self._slopes(whole(x), _SLOPE_STEP)[:, free],
        }
        done = minimize(
            lambda x: float(x @ x), start[free], jac=lambda x: 2 * x, method="SLSQP",
            bounds=list(zip(self._low[free], self._high[free], strict=True)),
            constraints=[constraint], options={"maxiter": 50, "ftol": 1e-13},
        )  # fmt: skip
        end = whole(done.x)
        if self._at(end) >= 0:
            return end
        share = _root(lambda s: self._at(end + s * (start - end)), 0.0, 1.0)
        return np.asarray(end + share * (start - end))

    def _slopes(self, point: Vector, step: float) -> Vector:
        """Returns central differences of the margins, shape (targets, coordinates)."""
        columns = []
        for number in range(len(point)):
            ends = []
            for sign in (1, -1):
                end = point.copy()
                end[number] = np.clip(
                    end[number] + sign * step, self._low[number], self._high[number]
                )
                ends.append(end)
            width = ends[0][number] - ends[1][number]
            change = self.margins(ends[0]) - self.margins(ends[1])
            columns.append(change / width if width else 0 * change)
        return np.array(columns).T

    def _turned(self, point: Vector) -> Vector:
        """Returns a nearer point, if there is one in a slightly other direction (kinks)."""
        for turn in _TURNS:
            improved = True
            while improved:
                improved = False
                for trial in self._turns(point, turn):
                    if self._at(trial) > 0 and _demand(trial) <= _demand(point):
                        nearer = self._first(trial)
                        if _demand(nearer) < _demand(point) * (1 - 1e-7):
                            point, improved = nearer, True
                            break
        return point

    def _turns(self, point: Vector, turn: float) -> Iterator[Vector]:
        length = _demand(point)
        for number, sign in product(range(len(point)), (1, -1)):
            trial = point.copy()
            trial[number] += sign * turn * length
            trial = np.clip(trial * length / (_demand(trial) or 1.0), self._low, self._high)
            yield trial

    # --- integers ------------------------------------------------------------------------------

    def _in_whole_numbers(self, relaxed: Vector) -> Vector | None:
        """Returns the least demanding point near a relaxed one whose integers are integers."""
        whole = [k for k, side in enumerate(self._sides) if side.whole is not None]
        if all(a == b for a, b in self._corners(relaxed)):
            return relaxed
        rest = [k for k in range(len(self._sides)) if k not in whole]
        tried = whole if rest else whole[:-1]
        found = []
        for choice in product(*(self._near(k, float(relaxed[k]), len(tried)) for k in tried)):
            base = relaxed.copy()
            base[tried] = choice
            point = self._with_rest(base, rest, tried) if rest else self._alone(whole[-1], base)
            if point is not None:
                found.append(point)
        return min(found, key=_demand, default=None)

    def _near(self, number: int, x: float, beside: int) -> list[float]:
        """Returns the integers next to a coordinate, more of them where few such are combined."""
        side = self._sides[number]
        assert side.whole is not None
        middle, width = side.whole * math.exp(x), 2 if beside < _MOST_WHOLE else 1
        numbers = range(max(1, math.ceil(middle) - width), math.floor(middle) + width + 1)
        values = [math.log(n / side.whole) for n in numbers]
        return [v for v in values if side.low - _EXACT <= v <= side.high + _EXACT]

    def _with_rest(self, base: Vector, rest: list[int], fixed: list[int]) -> Vector | None:
        """Returns the least demanding point with integers fixed, or ``None``."""
        starts = [point for k in rest if (point := self._alone(k, base)) is not None]
        origin, outer = base.copy(), base.copy()
        origin[rest] = 0.0
        outer[rest] = np.clip(2 * base[rest], self._low[rest], self._high[rest])
        if (share := self._crossing(origin, outer)) is not None:
            starts.append(origin + share * (outer - origin))
        if len(rest) > 1 and starts:
            return self._refined(starts, fixed)
        return min(starts, key=_demand, default=None)


def _demand(point: Vector) -> float:
    return float(np.linalg.norm(point))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Returns where a function turns from below 0 to 0 or more, from the side where it has."""
    if function(low) >= 0:
        return low
    clipped: Callable[[float], float] = lambda x: min(max(function(x), -1.0), 1.0)  # noqa: E731
    root = float(brentq(clipped, low, high, xtol=_EXACT, rtol=1e-14))
    step = _EXACT
    while function(root) < 0 and root < high:
        root, step = min(root + step, high), 2 * step
    return root
