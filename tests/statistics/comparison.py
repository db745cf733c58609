"""Whether two runs of one link follow one law: two-sample tests and exact checks.

The heralds of a run are independent of each other given the clicks of the one before, which may
blind detectors as the next session starts; so clicks are compared given those. A drift spreads
the heralds over the time between realignments more evenly than chance would, so its tests reject
a true law even less often than they claim. So does Kolmogorov and Smirnov's where the clock alone
makes a link wait, for gaps are then whole numbers of periods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from links import Part, Run
from numpy.typing import NDArray
from scipy import stats

from qnetsim import Network
from qnetsim.optics import MidpointOptics, SinglePhotonOptics, TwoPhotonOptics
from qnetsim.physics.states import bell_state

Numbers = NDArray[np.int64]
Pair = tuple[Numbers, Numbers]

CAUSES = sorted({*TwoPhotonOptics.causes, *SinglePhotonOptics.causes, *MidpointOptics.causes})

FEW_STATES = 500
"""A link that heralds more states than these leaves another one with each herald."""

RAREST = 20
"""Cells that hold fewer heralds of both runs together are counted as one. Few are enough: runs of
one length share a cell's heralds like tosses of a fair coin, whose tails a Gaussian bounds."""


class Comparison(NamedTuple):
    """How two runs differ.

    Attributes:
        p_values: for each two-sample test the chance of so large a difference, of either sign.
        mismatches: what should be equal and is not.
    """

    p_values: dict[str, float]
    mismatches: list[str]

    @property
    def chance(self) -> float:
        """Bound on the chance that one law gives so small a p-value somewhere (Bonferroni)."""
        return len(self.p_values) * min(self.p_values.values())


def compare(first: Run, second: Run, network: Network) -> Comparison:
    """Compares two runs of one link, played with different seeds.

    Args:
        first: the one.
        second: the other.
        network: the link's.
    """

    def both(column: Callable[[Part], Numbers]) -> Pair:
        return column_of(first, column), column_of(second, column)

    names: dict[bytes, int] = {}
    p_values = {
        "gaps": _kolmogorov_smirnov(both(gaps_ps)),
        "waits": _kolmogorov_smirnov(both(lambda part: part.heralds.wait_ps)),
        "attempts": _chi_square(_binned(both(lambda part: part.heralds.attempt), 50)),
        "successive gaps": _chi_square(
            _binned(both(lambda part: gaps_ps(part)[1::2]), 8),
            given=_binned(both(lambda part: gaps_ps(part)[: len(part.heralds) - 2 : 2]), 8),
        ),
        "clicks, causes and states": _chi_square(
            both(lambda part: _fates(part, names)[1:]),
            given=both(lambda part: part.heralds.clicks[:-1]),
        ),
        "settings and outcomes": _chi_square(both(_outcomes), given=both(_kinds)),
    }
    if any(_states_differ(part) for part in (*first, *second)):
        for name, figure in FIGURES.items():
            column = both(lambda part, figure=figure: _figures(part, figure))
            p_values[name] = _chi_square(_binned(column, 20), given=both(_causes))
    for (node, _), fibre in network.fibres.items():
        if fibre.drift_db_per_hour:
            every_ps = round(fibre.realign_every_s * 1e12)
            phases = both(lambda part, every_ps=every_ps: part.heralds.time_ps % every_ps)
            p_values[f"time since {node}'s fibre was realigned"] = _chi_square(_binned(phases, 50))
    for key in first[0].books:
        p_values[f"{key} per herald"] = _t_test(both(lambda part, key=key: part.books[key]))
    return Comparison(p_values, _mismatches(first, second))


def column_of(run: Run, column: Callable[[Part], Numbers]) -> Numbers:
    """Returns what the parts of a run have in a column, one after the other."""
    return np.concatenate([column(part) for part in run])


def gaps_ps(part: Part) -> Numbers:
    """Returns the times from herald to herald, in ps."""
    return np.diff(part.heralds.time_ps)


# --- what is compared ----------------------------------------------------------------------------


def _fates(part: Part, names: dict[bytes, int]) -> Numbers:
    """Returns a number for each herald's clicks, cause and state, the same in both runs."""
    heralds = part.heralds
    states = np.zeros(len(heralds.states), dtype=np.int64)
    if not _states_differ(part):
        digests = [(np.round(state, 9) + 0.0).tobytes() for state in heralds.states]
        states[:] = [names.setdefault(digest, len(names)) for digest in digests]
    return (states[heralds.state_index] * 8 + _causes(part)) * 16 + heralds.clicks


def _states_differ(part: Part) -> bool:
    return len(part.heralds.states) > FEW_STATES


def _figures(part: Part, figure: NDArray[np.float64]) -> Numbers:
    """Returns the expectation of a figure in each herald's state, in units of 1e-9."""
    heralds = part.heralds
    means = np.einsum("sij,ji->s", heralds.states, figure).real
    return np.round(1e9 * means[heralds.state_index]).astype(np.int64)


_X, _Z = np.array([[0.0, 1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
FIGURES: dict[str, NDArray[np.float64]] = {
    "overlap with psi+": bell_state("psi+").real,
    "overlap with psi-": bell_state("psi-").real,
    "first along z": np.kron(_Z, np.eye(2)),
    "second along z": np.kron(np.eye(2), _Z),
    "first along z, second along x": np.kron(_Z, _X),
    "first along x, second along z": np.kron(_X, _Z),
}
"""What tells the states of a link apart whose every herald leaves another one."""


def _kinds(part: Part) -> Numbers:
    """Returns a number for what each round was played on: the cause and the Bell state."""
    heralds, number = part.heralds, part.rounds.herald
    return _causes(part)[number] * 2 + (heralds.bell_state[number] == "psi+")


def _causes(part: Part) -> Numbers:
    """Returns a number for each herald's cause, the same in both runs."""
    return sum((part.heralds.cause == name) * k for k, name in enumerate(CAUSES))


def _outcomes(part: Part) -> Numbers:
    """Returns a number for each round's x, y, a and b."""
    rounds = part.rounds
    digits = rounds.x, rounds.y, (rounds.a + 1) // 2, (rounds.b + 1) // 2
    return np.ravel_multi_index(digits, (4, 2, 2, 2))


def _mismatches(first: Run, second: Run) -> list[str]:
    """Returns which of the figures that the clock alone decides differ.

    Where nothing loads, these are the time from a herald to the next session; if the link does
    not cool, what a gap leaves modulo the period; and, if a session's first attempt heralds
    often enough to be seen, the smallest gap.
    """
    figures = [_clockwork(run) for run in (first, second)]
    found = [
        f"{key}: {figures[0].get(key)} ps against {figures[1].get(key)} ps"
        for key in sorted(figures[0].keys() | figures[1].keys())
        if figures[0].get(key) != figures[1].get(key)
    ]
    waits = [
        dict(zip(*(column_of(run, c).tolist() for c in _ATTEMPT_AND_WAIT), strict=True))
        for run in (first, second)
    ]
    if any(waits[0][attempt] != waits[1][attempt] for attempt in waits[0].keys() & waits[1].keys()):
        found.append("an attempt of the same number comes at another time")
    return found


_ATTEMPT_AND_WAIT: tuple[Callable[[Part], Numbers], ...] = (
    lambda part: part.heralds.attempt,
    lambda part: part.heralds.wait_ps,
)


def _clockwork(run: Run) -> dict[str, int]:
    gaps = column_of(run, gaps_ps)
    pauses = np.unique(gaps - column_of(run, lambda part: part.heralds.wait_ps[1:]))
    remainders = np.unique(gaps % run[0].period_ps)
    figures = {}
    if len(pauses) == 1:
        figures["time from herald to session"] = int(pauses[0])
        if len(gaps) > 50 * column_of(run, lambda part: part.heralds.attempt).mean():
            figures["smallest gap"] = int(gaps.min())
    if len(remainders) == 1:
        figures["gap modulo the period"] = int(remainders[0])
    return figures


# --- the tests -----------------------------------------------------------------------------------


def _kolmogorov_smirnov(columns: Pair) -> float:
    return float(stats.ks_2samp(*columns, method="asymp").pvalue)


def _chi_square(columns: Pair, given: Pair | None = None) -> float:
    """Tests whether the numbers in two columns are equally frequent.

    Args:
        columns: the numbers.
        given: what divides each column into strata, if anything: frequencies are compared
            within each that both columns have.
    """
    strata = given or (np.zeros_like(columns[0]), np.zeros_like(columns[1]))
    statistic, freedom = 0.0, 0
    for stratum in np.union1d(*strata):
        chosen = [c[s == stratum] for c, s in zip(columns, strata, strict=True)]
        values = np.union1d(*chosen)
        counts = np.stack(
            [np.bincount(np.searchsorted(values, c), minlength=len(values)) for c in chosen]
        )
        rare = counts.sum(axis=0) < RAREST
        table = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] > 1 and table.sum(axis=1).all():
            found = stats.chi2_contingency(table, correction=False)
            statistic += found.statistic
            freedom += found.dof
    return float(stats.chi2.sf(statistic, freedom)) if freedom else 1.0


def _binned(columns: Pair, bins: int) -> Pair:
    """Returns the number of each entry's bin; bins hold equal shares of both columns together."""
    edges = np.unique(np.quantile(np.concatenate(columns), np.arange(1, bins) / bins))
    return np.digitize(columns[0], edges), np.digitize(columns[1], edges)


def _t_test(columns: Pair) -> float:
    """Tests whether two columns have the same mean (Welch), or equality where neither varies."""
    means = [float(column.mean()) for column in columns]
    variances = [float(column.var(ddof=1)) / len(column) for column in columns]
    if not any(variances):
        return float(means[0] == means[1])
    freedom = sum(variances) ** 2 / sum(
        variance**2 / (len(column) - 1) for variance, column in zip(variances, columns, strict=True)
    )
    return float(2 * stats.t.sf(abs(means[0] - means[1]) / sum(variances) ** 0.5, freedom))
