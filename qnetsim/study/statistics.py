"""From rows to figures with intervals, and when a point has enough rows.

Every interval holds its figure with 95 % chance.

A rate has two of them, and the wider counts. One takes heralds for a Poisson process: exact by the
gamma law where blocks end with a number of rounds that all heralds became, so that time is what is
random; else after Garwood (1936), which holds for either to within one herald. The other, from
five blocks on, takes no more than that blocks are independent: Student's t on the scatter of
blocks, for the logarithm of the rate. Heralds of links that pause (a trap that reloads, a fibre
that is realigned) come in bursts, and only the scatter knows it. Where every attempt heralds, as in
a link of photon pairs without a herald, nothing is left to chance: the Poisson interval shrinks
with the root of 1 - p.

S and the error rates have standard errors as ``Result`` gives them; error rates and shares of
causes have Clopper and Pearson's interval, S and fidelity the normal one inside what they can be.
The key rate's error is that of the infinitesimal jackknife over rounds: what one round more of each
kind would change, weighted by how often the kind came. It therefore knows of every correlation
between S, the error rates and the share of key rounds. The rate and its interval are clipped at 0
at the end; the standard error is that of the rate before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qnetsim.protocols import bell_test
from qnetsim.protocols.bell_test import Estimate
from qnetsim.study.closed_form import ClosedForm, closed_form_of
from qnetsim.study.definition import Stop
from qnetsim.study.study import Study
from qnetsim.study.tally import Counts, add, table_of
from qnetsim.study.task import Task
from qnetsim.study.uncertain import (
    FEWEST_BLOCKS,
    Figure,
    HeraldRate,
    bounded,
    clipped,
    share,
    time_share,
)

Row = Mapping[str, Any]
Table = NDArray[np.float64]


class Ending:
    """When a point has enough blocks: takes its rows from block 0 on, one by one.

    A block that failed ends its point: the next ones would fail too. The rule sees counts of whole
    blocks only, in their order, so it ends where it would have ended had nothing else been there.
    How far a rate is off is judged from ``FEWEST_BLOCKS`` blocks on: only then does their scatter
    show whether heralds come in bursts.

    Args:
        repeats: blocks at most.
        stop: what ends it before.
    """

    def __init__(self, repeats: int, stop: Stop | None) -> None:
        self._repeats = repeats
        self._stop = stop
        self._blocks = 0
        self._rounds = 0
        self._rate = HeraldRate()

    def add(self, row: Row) -> bool:
        """Takes the next block's row; returns whether the point ends with it."""
        self._blocks += 1
        if "error" in row or self._blocks >= self._repeats:
            return True
        stop = self._stop
        if stop is None:
            return False
        counts = row["counts"]
        self._rate.add(counts)
        self._rounds += sum(sums["n"] for sums in counts["rounds"].values())
        return (
            (stop.heralds is not None and self._rate.heralds >= stop.heralds)
            or (stop.rounds is not None and self._rounds >= stop.rounds)
            or (
                stop.relative_error is not None
                and self._blocks >= FEWEST_BLOCKS
                and self._rate.heralds > 0
                and self._rate.stderr_hz <= stop.relative_error * self._rate.rate_hz
            )
        )


def ended_after(rows: Iterable[Row], repeats: int, stop: Stop | None) -> int | None:
    """Returns after how many blocks a point ends, or ``None`` where these do not end it.

    Args:
        rows: the consecutive ones from block 0.
        repeats: blocks at most.
        stop: what ends it before.
    """
    ending = Ending(repeats, stop)
    return next((k for k, row in enumerate(rows, 1) if ending.add(row)), None)


def totals(rows: Iterable[Row]) -> dict[str, Any]:
    """Returns the summed counts of a point's rows, added in the order given: that of blocks."""
    return reduce(add, (row["counts"] for row in rows), {})


def figures(
    study: Study, task: Task, rows: Sequence[Row], closed: ClosedForm | None = None
) -> dict[str, Figure]:
    """Returns the figures of a point under the names of ``Result.summary``.

    A figure that the rows do not give (S where a setting was not played) is left out.
    ``duty_cycle`` is the share of time in which the link attempts, ``duty_cycle.NODE.ACTIVITY``
    what a node's time goes on, ``heralds_by_cause.CAUSE`` a cause's share of the heralds.

    Args:
        study: the study.
        task: the point's.
        rows: its rows in the order of blocks; failed ones are left out.
        closed: its closed forms, where they are known already.
    """
    worked = [row for row in rows if "error" not in row]
    if not worked:
        return {}
    counts = totals(worked)
    closed = closed or closed_form_of(task)
    rate = HeraldRate()
    for row in worked:
        rate.add(row["counts"])
    rounds = sum(sums["n"] for sums in counts["rounds"].values())
    by_rounds = study.block.duration_s is None and rounds == rate.heralds
    found: dict[str, Figure | None] = {
        "herald_rate_hz": rate.figure(by_rounds)._replace(expected=closed.herald_rate_hz),
        "heralded_fidelity": _fidelity(counts["fidelity"], closed.fidelity),
        **_bell_test(counts, closed),
        **_key_rates(counts, rate.figure(by_rounds), closed),
        **_times(worked, closed),
        **_causes(counts, closed),
    }
    return {name: figure for name, figure in found.items() if figure is not None}


def _fidelity(sums: Counts, expected: float | None) -> Figure | None:
    """Returns the mean, with the error as if one herald more had been the worst for it.

    A few heralds that agree would have no error otherwise.
    """
    n = sums["n"]
    if not n:
        return None
    mean = sums["sum"] / n
    variance = max(0.0, sums["sum_sq"] / n - mean**2)
    worst = max(mean, 1 - mean)
    unseen = variance * n / (n + 1) + n * (worst / (n + 1)) ** 2
    return bounded(mean, math.sqrt(unseen / n), 0.0, 1.0, expected)


def _bell_test(counts: Counts, closed: ClosedForm) -> dict[str, Figure | None]:
    """Returns S and the error rates."""
    tables, protocol = table_of(counts), closed.protocol
    chsh = bell_test.chsh_value(_correlators(tables), protocol.chsh_terms)
    pairs = [(x, y) for x, y in protocol.key_pairs]
    known = closed.qbers if len(closed.qbers) == len(pairs) else [None] * len(pairs)
    return {
        "chsh_s": chsh and bounded(chsh.value, chsh.stderr, -4.0, 4.0, closed.chsh_s),
        "qber": _errors(tables, pairs, closed, closed.qber),
        **{
            f"qber_{k}": _errors(tables, [pair], closed, expected)
            for k, (pair, expected) in enumerate(zip(pairs, known, strict=True))
        },
    }


def _correlators(tables: Mapping[tuple[int, int], Table]) -> dict[tuple[int, int], Estimate]:
    estimates = {}
    for settings, table in tables.items():
        equal, n = int(np.trace(table)), int(table.sum())
        stderr = 2 * bell_test.share_stderr(equal, n)
        estimates[settings] = Estimate(2 * equal / n - 1, stderr, n)
    return estimates


def _errors(
    tables: Mapping[tuple[int, int], Table],
    pairs: Sequence[tuple[int, int]],
    closed: ClosedForm,
    expected: float | None,
) -> Figure | None:
    """Returns the share of the rounds of some settings whose outcomes are wrong."""
    played = [tables[pair] for pair in pairs if pair in tables]
    n = int(sum(table.sum() for table in played))
    equal = int(sum(np.trace(table) for table in played))
    if not n:
        return None
    return share(equal if closed.protocol.key_anticorrelated else n - equal, n, expected)


def _key_rates(counts: Counts, heralds: Figure, closed: ClosedForm) -> dict[str, Figure | None]:
    """Returns the key rate a round and a second."""
    tables = table_of(counts)
    if not tables or not closed.has_key_rate(tables):
        return {}
    value, stderr = _jackknifed(closed.key_rates, tables)
    rounds_hz = sum(float(table.sum()) for table in tables.values()) / counts["sim_time_s"]
    relative = heralds.stderr / heralds.value if heralds.value else 0.0
    stderr_hz = rounds_hz * math.hypot(stderr, value * relative)
    return {
        "key_rate_bits_per_round": clipped(value, stderr, closed.key_rate_bits_per_round),
        "key_rate_bits_per_s": clipped(value * rounds_hz, stderr_hz, closed.key_rate_bits_per_s),
    }


_UNSEEN = 0.5
"""Added to each count for its weight: what never came in a few rounds may come yet."""


def _jackknifed(
    function: Callable[[Mapping[tuple[int, int], Table]], Table],
    tables: Mapping[tuple[int, int], Table],
) -> tuple[float, float]:
    """Returns a function of all rounds and its standard error (see the module).

    Args:
        function: of tables of shape (k, 2, 2); its values have shape (k,).
        tables: how often each pair of outcomes came, by settings.
    """
    whole = np.array(list(tables.values()))
    counts = whole.ravel()
    more = np.concatenate([np.zeros((1, counts.size)), np.eye(counts.size)])
    varied = whole + more.reshape(-1, *whole.shape)
    values = function({settings: varied[:, k] for k, settings in enumerate(tables)})
    effects = values[1:] - values[0]
    weights = (counts + _UNSEEN) / (counts + _UNSEEN).sum()
    variance = float(weights @ (effects - weights @ effects) ** 2)
    return float(values[0]), math.sqrt(float(counts.sum()) * variance)


def _times(rows: Sequence[Row], closed: ClosedForm) -> dict[str, Figure | None]:
    """Returns what time is spent on."""
    counts = [row["counts"] for row in rows]
    times = [c["sim_time_s"] for c in counts]
    attempting = time_share([c["attempting_s"] for c in counts], times, closed.duty_cycle)
    found: dict[str, Figure | None] = {"duty_cycle": attempting}
    for node, activities in totals(rows)["activity_s"].items():
        for activity in activities:
            spent = [c["activity_s"].get(node, {}).get(activity, 0.0) for c in counts]
            found[f"duty_cycle.{node}.{activity}"] = time_share(spent, times, None)
    return found


def _causes(counts: Counts, closed: ClosedForm) -> dict[str, Figure | None]:
    """Returns the share of heralds that each cause made."""
    made = counts["heralds_by_cause"]
    total = sum(made.values())
    return {
        f"heralds_by_cause.{cause}": share(n, total, closed.causes.get(cause)) if total else None
        for cause, n in made.items()
    }
