"""Key rates by certified semidefinite bounds; cvxpy is imported when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from qnetsim.security.behaviour import Behaviour
from qnetsim.security.information import TSIRELSON, FloatArray, binary_entropy, within
from qnetsim.security.keyrate import KeyRate
from qnetsim.security.npa.certificate import Certificate
from qnetsim.security.npa.problem import Problem, RawKey, chsh_constraint, full_statistics
from qnetsim.security.rates import conditional_entropy

if TYPE_CHECKING:
    from qnetsim.security.npa.program import Report


_ROUNDED = 1e-6
"""Bits by which rounded statistics may seem to hold more than one bit a round."""


class Asked(NamedTuple):
    """What a semidefinite bound is asked for, beside the statistics.

    Attributes:
        nodes: of the quadrature; more lie closer to the entropy, most of all where it is near its
            largest.
        level: words of the moment matrix (``npa.words.words_of``).
        solver: any that cvxpy has for semidefinite programs.
    """

    nodes: int
    level: str = "1+A+B+AB+AA"
    solver: str = "CLARABEL"


@dataclass(frozen=True)
class Observed:
    """All statistics of two parties, and how they make their raw key.

    Attributes:
        behaviour: P(a, b | x, y), rounds without a click counted with an outcome.
        key: how the raw key is made.
        key_table: P(a, b) of a key round before anything is dropped, shape (2, m); where Bob's
            rounds without a click stand apart they are its last column.
        kept_bob: the chance that Bob keeps each of those m outcomes; shape (m,).
    """

    behaviour: Behaviour
    key: RawKey
    key_table: FloatArray
    kept_bob: FloatArray

    def key_round(self) -> tuple[float, float]:
        """Returns H(A|B) in bits of a key round that is kept, and the share of those."""
        weighted = self.key_table * np.outer(self.key.kept_alice, self.kept_bob)
        kept = float(weighted.sum())
        return float(conditional_entropy(weighted / kept, self.key.flip)), kept


class Certified(NamedTuple):
    """A rate by a semidefinite bound, and its proof."""

    rate: KeyRate
    certificate: Certificate


def sdp_chsh_rate(
    s: float,
    qbers: Sequence[float],
    sifting: float,
    flip: float,
    how: Asked | Certificate,
    report: Report | None = None,
) -> Certified:
    """Returns the certified rate where S alone is known, of one key basis or two.

    Args:
        s: CHSH value, 2 sqrt 2 at most.
        qbers: error rate of each basis, before the flip.
        sifting: share of rounds that make key.
        flip: flip probability of noisy preprocessing, below 1/2.
        how: what to ask of a solver, or a certificate that needs none.
        report: is told of progress.

    Raises:
        ValueError: a value lies outside its range, or the certificate is about something else.
        NoQuantumDeviceError: no quantum device gives S.
        SolverFailedError: the solver ended without a solution.
    """
    within(s, -TSIRELSON, TSIRELSON, "CHSH value")
    errors = flip + (1 - 2 * flip) * within(qbers, 0.0, 1.0, "error rate")
    keys = tuple((1 / len(qbers), RawKey(x, flip)) for x in range(len(qbers)))
    problem = Problem((2, 2), _level(how), keys, chsh_constraint())
    ec_bits = float(np.mean(binary_entropy(errors)))
    return _certified(problem, np.array([s]), (how, report), (ec_bits, 1.0), sifting)


def sdp_rate(
    observed: Observed, sifting: float, how: Asked | Certificate, report: Report | None = None
) -> Certified:
    """Returns the certified rate where all statistics of two parties are known.

    Args:
        observed: the statistics and how the raw key is made.
        sifting: share of rounds that make key, before post-selection.
        how: what to ask of a solver, or a certificate that needs none.
        report: is told of progress.

    Raises:
        ValueError: the certificate is about something else.
        NoQuantumDeviceError: no quantum device gives the statistics.
        SolverFailedError: the solver ended without a solution.
    """
    behaviour = observed.behaviour
    inputs = (len(behaviour.alice), len(behaviour.bob))
    problem = Problem(inputs, _level(how), ((1.0, observed.key),), full_statistics(inputs))
    return _certified(problem, behaviour.moments(), (how, report), observed.key_round(), sifting)


def _level(how: Asked | Certificate) -> str:
    return how.problem.level if isinstance(how, Certificate) else how.level


def _certified(
    problem: Problem,
    values: FloatArray,
    asked: tuple[Asked | Certificate, Report | None],
    key_round: tuple[float, float],
    sifting: float,
) -> Certified:
    (how, report), (ec_bits, kept) = asked, key_round
    share = float(within(sifting, 0.0, 1.0, "sifting"))
    from qnetsim.security.npa.program import EntropyProgram, NoQuantumDeviceError

    if isinstance(how, Certificate):
        _check_about(how.problem, problem)
        EntropyProgram(problem, how.nodes).check_quantum(values)
        certificate, solver_bits = how, None
    else:
        program = EntropyProgram(problem, how.nodes, how.solver)
        certificate, solver_bits = program.solve(values, report)
    bits = certificate.entropy_bits(values)
    if bits > kept + _ROUNDED:
        raise NoQuantumDeviceError("no quantum device gives these statistics")
    rate = KeyRate(
        "sdp",
        share * (bits - kept * ec_bits),
        bits / kept,
        ec_bits,
        share,
        kept,
        None if solver_bits is None else max(0.0, (solver_bits - bits) / kept),
        (
            ("flip", problem.keys[0][1].flip),
            ("nodes", certificate.nodes),
            ("level", problem.level),
        ),
    )
    return Certified(rate, certificate)


def _check_about(proved: Problem, asked: Problem) -> None:
    """Raises ValueError where a certificate is about another problem than the one asked."""
    for name in ("inputs", "keys", "constraints"):
        has, needs = getattr(proved, name), getattr(asked, name)
        if has != needs:
            if name == "constraints":
                has, needs = ([one.name for one in some] for some in (has, needs))
            raise ValueError(f"certificate is for {name} {has}, not {needs}")
