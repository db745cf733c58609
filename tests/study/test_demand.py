"""The search for the least demanding point, where it is known by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from qnetsim.study.demand import Search, Side, Vector

WIDE = Side(-10.0, 10.0)


def counted(function: Callable[[Vector], float]) -> tuple[Callable[[Vector], Vector], list[Vector]]:
    asked: list[Vector] = []

    def margins(point: Vector) -> Vector:
        asked.append(point)
        return np.array([function(point)])

    return margins, asked


def least(function: Callable[[Vector], float], *sides: Side) -> Vector:
    found = Search(lambda x: np.array([function(x)]), sides).least().point
    assert found is not None
    assert function(found) >= 0
    return found


def test_one_parameter_is_found_exactly() -> None:
    """A rate that goes with the square: for 1000 times as much the root of 1000."""
    point = least(lambda x: 2 * x[0] - math.log(1000), WIDE)
    assert math.exp(point[0]) == pytest.approx(math.sqrt(1000), rel=1e-8)


def test_either_direction_may_be_the_better_one() -> None:
    assert least(lambda x: -0.5 * x[0] - 1, WIDE)[0] == pytest.approx(-2, rel=1e-8)


def test_of_two_ways_to_reach_a_target_the_nearer_one_is_taken() -> None:
    """x^2 >= 4 + x/2 on either side of today."""
    point = least(lambda x: x[0] ** 2 - 4 - x[0] / 2, WIDE)
    assert point[0] == pytest.approx((0.5 - math.sqrt(16.25)) / 2, rel=1e-8)


def test_powers_are_shared_out_by_their_exponents() -> None:
    """Lagrange: of a1 x1 + a2 x2 >= c the point next to the origin is c a/|a|^2."""
    powers = np.array([2.0, 0.5, -1.0])
    point = least(lambda x: float(powers @ x) - 3.0, WIDE, WIDE, WIDE)
    assert point == pytest.approx(3.0 * powers / (powers @ powers), rel=1e-5)


def test_a_parameter_that_saturates_leaves_the_rest_to_others() -> None:
    """With ln of 1/(1 + e^-x) + y >= c: Lagrange's condition x = y (1 - sigmoid(x)) by hand."""
    target = 1.0
    point = least(lambda x: -math.log1p(math.exp(-x[0])) + x[1] - target, WIDE, WIDE)
    x, y = point
    assert y == pytest.approx(target + math.log1p(math.exp(-x)), rel=1e-7)
    assert x == pytest.approx(y * (1 - 1 / (1 + math.exp(-x))), rel=1e-4)


def test_the_end_of_a_range_holds() -> None:
    point = least(lambda x: x[0] + x[1] - 4, Side(0.0, 1.0), WIDE)
    assert point == pytest.approx([1.0, 3.0], rel=1e-6)


def test_several_targets_must_all_hold() -> None:
    """x + y >= 2 and y <= 1/2."""
    search = Search(lambda x: np.array([x[0] + x[1] - 2, 0.5 - x[1]]), [WIDE, WIDE])
    point = search.least().point
    assert point == pytest.approx([1.5, 0.5], rel=1e-5)


def test_a_peak_between_the_points_of_a_scan_is_found() -> None:
    """Above 0 only within 0.05 of 3.37."""
    point = least(lambda x: 0.05 - abs(x[0] - 3.37), WIDE)
    assert point[0] == pytest.approx(3.32, rel=1e-8)


def test_a_narrow_peak_nearby_is_preferred_to_a_broad_one_far_away() -> None:
    point = least(lambda x: max(0.05 - abs(x[0] - 3.37), 1 - abs(x[0] - 8)), WIDE)
    assert point[0] == pytest.approx(3.32, rel=1e-8)


def test_a_response_that_falls_again_is_followed_to_its_first_crossing() -> None:
    """ln of x exp(1 - x/5), the rate behind a time window that opens."""
    point = least(lambda x: x[0] - math.exp(x[0]) / 5 - 0.1, WIDE)
    assert point[0] < math.log(5)
    assert point[0] - math.exp(point[0]) / 5 == pytest.approx(0.1)


@pytest.mark.parametrize("slope_outside", [0.0, 0.01])
def test_a_plateau_far_below_does_not_hide_a_key(slope_outside: float) -> None:
    """A key only where x + y > 4 and ever more of it beyond; 2 more are wanted."""

    def margin(x: Vector) -> float:
        total = x[0] + x[1]
        return math.log(total - 4) - math.log(2) if total > 4 else -100 + slope_outside * total

    assert least(margin, WIDE, WIDE) == pytest.approx([3.0, 3.0], rel=1e-4)


def test_an_island_that_no_single_parameter_reaches_is_found() -> None:
    """A disc about (6, -5): its point next to the origin lies on the line to its centre."""
    centre = np.array([6.0, -5.0])
    point = least(lambda x: 1 - float(np.linalg.norm(x - centre)), WIDE, WIDE)
    expected = centre * (1 - 1 / np.linalg.norm(centre))
    assert point == pytest.approx(expected, rel=1e-4)


def test_a_kink_is_no_trap() -> None:
    """The slower of two sets the rate: min(x, y/2) >= 1."""
    point = least(lambda x: min(x[0], x[1] / 2) - 1, WIDE, WIDE)
    assert point == pytest.approx([1.0, 2.0], rel=1e-3)


def test_an_integer_is_the_least_one_that_does() -> None:
    """7 slots today; 3.1 times as much takes 21.7, so 22."""
    side = Side(math.log(1 / 7), math.log(1000 / 7), whole=7)
    point = least(lambda x: x[0] - math.log(3.1), side)
    assert 7 * math.exp(point[0]) == pytest.approx(22, rel=1e-9)


def test_integers_are_only_ever_asked_for_as_such() -> None:
    side = Side(0.0, math.log(50), whole=1)
    margins, asked = counted(lambda x: 2 * x[0] + x[1] - math.log(30))
    Search(margins, [side, WIDE]).least()
    numbers = np.exp([point[0] for point in asked])
    assert numbers == pytest.approx(np.round(numbers), rel=1e-9)


def test_beside_an_integer_the_other_parameter_is_fitted() -> None:
    """n^2 y >= 30 with y = e^u: each n leaves u = ln 30 - 2 ln n; the best n is seen by listing."""
    side = Side(0.0, math.log(50), whole=1)
    point = least(lambda x: 2 * x[0] + x[1] - math.log(30), side, WIDE)
    listed = {n: math.hypot(math.log(n), math.log(30) - 2 * math.log(n)) for n in range(1, 51)}
    best = min(listed, key=lambda n: listed[n])
    assert math.exp(point[0]) == pytest.approx(best, rel=1e-9)
    assert np.linalg.norm(point) == pytest.approx(listed[best], rel=1e-6)


@pytest.mark.parametrize("product", [30, 97, 1000])
def test_two_integers_are_no_worse_than_any_pair(product: int) -> None:
    side = Side(0.0, math.log(300), whole=1)
    point = least(lambda x: 2 * x[0] + x[1] - math.log(product), side, side)
    pairs = [
        math.hypot(math.log(m), math.log(n))
        for m in range(1, 101)
        for n in range(1, 301)
        if m**2 * n >= product * (1 - 1e-12)
    ]
    assert np.linalg.norm(point) == pytest.approx(min(pairs), rel=1e-9)


def test_what_cannot_be_reached_comes_with_the_best_point() -> None:
    """The peak of -(x - 1)^2 - (y + 2)^2 - 1 is at (1, -2)."""
    centre = np.array([1.0, -2.0])
    search = Search(lambda x: np.array([-float((x - centre) @ (x - centre)) - 1]), [WIDE, WIDE])
    found = search.least()
    assert found.point is None
    assert found.best == pytest.approx(centre, abs=1e-2)


def test_what_nothing_changes_cannot_be_reached() -> None:
    assert Search(lambda _: np.array([-100.0]), [WIDE, WIDE]).least().point is None


def test_the_origin_is_the_answer_where_it_reaches_all() -> None:
    assert least(lambda x: x[0] + 1, WIDE) == pytest.approx([0.0], abs=0)


def test_few_questions_are_asked() -> None:
    """Each may take a tenth of a second."""
    powers = np.array([2.0, 0.5, -1.0])
    margins, asked = counted(lambda x: float(powers @ x) - 3.0)
    Search(margins, [WIDE] * 3).least()
    assert len(asked) < 500
