"""Certificates: affine lower bounds on an entropy that can be checked without a solver."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qnetsim.security.npa.exact import class_sums, is_positive
from qnetsim.security.npa.problem import Constraint, Polynomial, Problem, RawKey
from qnetsim.security.npa.quadrature import radau
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.words import ONE, Word

Array = NDArray[Any]
Real = NDArray[np.float64]

_FORMAT = 2
_LN2 = Fraction("0.69314718055994530941723212145817656807550013436025525")
"""To 53 digits; its error, below 1e-53, is covered by ``_SLACK``."""
_SLACK = Fraction(1, 10**30)


_MALFORMED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    IndexError,
    ArithmeticError,
    EOFError,
    BadZipFile,
    zlib.error,
)


class CertificateError(Exception):
    """A certificate does not prove what it claims."""


@dataclass(frozen=True)
class NodeDual:
    """The dual solution at one quadrature node.

    Attributes:
        matrices: one for each block of the relaxation, positive, shape (n, n).
        multipliers: one for each constraint.
    """

    matrices: tuple[Real, ...]
    multipliers: Real


@dataclass(frozen=True)
class Certificate:
    """A proof that p_V H(A|E) >= constant + slope . values, in bits, for all quantum devices.

    It holds for whatever values of the constraints: the bound is tight near the statistics that it
    was made for. Being affine, it makes a min-tradeoff function for entropy accumulation
    (``finite.accumulation.affine_tradeoff``), but for post-selected keys: which of their rounds
    are kept depends on outcomes.

    Attributes:
        problem: what it is about.
        nodes: how many quadrature nodes, the trivial one included.
        duals: a dual solution for each node but the last.
        constant: bits.
        slope: bits for each constraint's unit, shape (constraints,).
    """

    problem: Problem
    nodes: int
    duals: tuple[NodeDual, ...]
    constant: float
    slope: Real

    def entropy_bits(self, values: ArrayLike) -> float:
        """Returns the certified bits of a round, 0 or more; kept rounds alone count.

        Args:
            values: of the constraints, shape (constraints,), as quantum devices give them: for
                others it means nothing.

        Raises:
            ValueError: the shape is another, or a value is not finite.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape != self.slope.shape or not np.isfinite(values).all():
            raise ValueError(f"values must be {len(self.slope)} finite numbers")
        terms = self.slope * values
        rounding = 1e-15 * (len(terms) + 2) * (abs(self.constant) + float(np.abs(terms).sum()))
        return max(0.0, self.constant + float(terms.sum()) - rounding)

    def verify(self) -> None:
        """Proves the claim anew, without a solver, in exact arithmetic.

        Raises:
            CertificateError: it does not hold; says what is wrong.
        """
        try:
            constant, slope = proved(Relaxation(self.problem), self.nodes, self.duals)
        except _MALFORMED as error:
            raise CertificateError(f"it is malformed: {error}") from None
        if self.slope.shape != slope.shape or (self.slope != slope).any():
            raise CertificateError(f"slope is not {slope.tolist()}, as the dual solution proves")
        if self.constant != constant:
            raise CertificateError(
                f"constant ({self.constant}) is not {constant}, as the dual solution proves"
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes it to a file (NumPy's .npz, no pickles)."""
        arrays = self._arrays()
        with Path(path).open("wb") as file:
            digest = np.array(_digest(arrays))
            np.savez_compressed(file, digest=digest, **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Certificate:
        """Reads what ``save`` wrote; ``verify`` proves it.

        Raises:
            CertificateError: the file holds no certificate, or was changed since it was written.
            OSError: it cannot be read.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
                arrays = dict(stored)
            digest = str(arrays.pop("digest"))
            if digest != _digest(arrays):
                raise CertificateError(f"{os.fspath(path)} was changed since it was written")
            return _from_arrays(arrays)
        except _MALFORMED as error:
            raise CertificateError(f"{os.fspath(path)} holds no certificate: {error}") from None

    def _arrays(self) -> dict[str, Array]:
        described = json.dumps({"format": _FORMAT, **_described(self.problem)})
        arrays: dict[str, Array] = {
            "problem": np.array(described),
            "nodes": np.array(self.nodes),
            "constant": np.array(self.constant),
            "slope": self.slope,
        }
        for k, dual in enumerate(self.duals):
            arrays[f"multipliers_{k}"] = dual.multipliers
            arrays[f"matrices_{k}"] = np.array(dual.matrices)
        return arrays


def certificate(relaxation: Relaxation, nodes: int, duals: Sequence[NodeDual]) -> Certificate:
    """Returns the certificate that dual solutions make.

    Args:
        relaxation: of the problem that it is about.
        nodes: of the quadrature, the trivial one included.
        duals: a dual solution for each node but the last.

    Raises:
        CertificateError: they prove nothing.
    """
    constant, slope = proved(relaxation, nodes, tuple(duals))
    return Certificate(relaxation.problem, nodes, tuple(duals), constant, slope)


def proved(relaxation: Relaxation, nodes: int, duals: tuple[NodeDual, ...]) -> tuple[float, Real]:
    r"""Returns the affine bound, constant and slope in bits, that dual solutions prove.

    With c the objective's coefficients, Lambda the matrices and G the constraints' coefficients,
    what Lambda leaves of moment m is r_m = c_m - sum of Lambda over the entries where m stands -
    (G^T multipliers)_m. As <Lambda, Gamma> >= 0 for every moment matrix Gamma,

    .. math:: \sum_m c_m \langle m \rangle \ge \text{multipliers} \cdot \text{values} + r_1 -
        \sum_{m \ne 1} |r_m| \max |\langle m \rangle| .

    All is computed in exact arithmetic and rounded down at the end.

    Raises:
        CertificateError: a matrix is not positive or has the wrong shape.
    """
    problem, rule = relaxation.problem, radau(nodes)
    if len(duals) != len(rule.nodes):
        raise CertificateError(f"there are {len(duals)} dual solutions for {len(rule.nodes)} nodes")
    for dual in duals:
        _check_form(relaxation, dual)
    scale = relaxation.scale
    constant, slope = known_mean(problem, relaxation.last())
    constant = rule.last_weight * constant - rule.rounding_nats
    slope = [rule.last_weight * value for value in slope]
    for t, w, dual in zip(rule.nodes, rule.weights, duals, strict=True):
        least, multipliers = _proved_at(relaxation, t, dual)
        base, base_slope = known_mean(problem, relaxation.base(Fraction(t)))
        factor = Fraction(w) / Fraction(t)
        constant += factor * (base + scale * least)
        slope = [
            total + factor * (kept + scale * multiplier)
            for total, kept, multiplier in zip(slope, base_slope, multipliers, strict=True)
        ]
    return _in_bits(problem, constant, slope)


def _check_form(relaxation: Relaxation, dual: NodeDual) -> None:
    shape, count = relaxation.matrix.of_entry.shape, len(relaxation.problem.constraints)
    arrays = [*dual.matrices, dual.multipliers]
    wanted = [shape] * len(relaxation.blocks) + [(count,)]
    if [array.shape for array in arrays] != wanted:
        raise CertificateError(f"there must be {len(wanted) - 1} matrices of {shape[0]} rows")
    if any(array.dtype != np.float64 or not np.isfinite(array).all() for array in arrays):
        raise CertificateError("matrices and multipliers must be finite 64-bit floats")


def known_mean(problem: Problem, polynomial: Polynomial) -> tuple[Fraction, list[Fraction]]:
    """Returns the mean of a sum of words as an affine function of the constraints' values.

    Raises:
        ValueError: no single constraint fixes one of the words.
    """
    rows = {one.terms: row for row, one in enumerate(problem.constraints)}
    constant, slope = Fraction(0), [Fraction(0)] * len(rows)
    for word, coefficient in polynomial.items():
        row = rows.get(((word, 1.0),))
        if word == ONE:
            constant += coefficient
        elif row is not None:
            slope[row] += coefficient
        elif coefficient:
            raise ValueError("post-selection needs constraints that fix the share of kept rounds")
    return constant, slope


def _proved_at(relaxation: Relaxation, t: float, dual: NodeDual) -> tuple[Fraction, list[Fraction]]:
    multipliers = [Fraction(value) for value in dual.multipliers]
    rests = dict(relaxation.objective(Fraction(t)))
    for row, multiplier in zip(relaxation.known, multipliers, strict=True):
        for moment in map(int, np.flatnonzero(row)):
            taken = multiplier * Fraction(float(row[moment]))
            rests[moment] = rests.get(moment, Fraction(0)) - taken
    matrix = relaxation.matrix
    for number, (block, dual_matrix) in enumerate(
        zip(relaxation.blocks, dual.matrices, strict=True)
    ):
        if not is_positive(dual_matrix):
            raise CertificateError(f"matrix {number} of node t = {t:.6g} is not proved positive")
        for place, total in enumerate(
            class_sums(dual_matrix, matrix.of_entry, len(matrix.moments))
        ):
            moment = int(block.ids[place])
            rests[moment] = rests.get(moment, Fraction(0)) - total
    largest = relaxation.largest(t)
    largest[relaxation.vanishing] = 0
    one = relaxation.moment(ONE)
    least = rests.pop(one)
    least -= sum(abs(rest) * Fraction(float(largest[moment])) for moment, rest in rests.items())
    return least, multipliers


def _in_bits(problem: Problem, constant: Fraction, slope: list[Fraction]) -> tuple[float, Real]:
    """Returns the bound in bits and floats, none above the exact one."""
    rounded = np.array([float(value / _LN2) for value in slope])
    lost = sum(
        abs(Fraction(float(near)) - value / _LN2) * Fraction(constraint.largest)
        for near, value, constraint in zip(rounded, slope, problem.constraints, strict=True)
    )
    exact = constant / _LN2 - lost - _SLACK * (1 + abs(constant))
    near = float(exact)
    return (near if Fraction(near) <= exact else float(np.nextafter(near, -np.inf))), rounded


def _described(problem: Problem) -> dict[str, object]:
    return {
        "inputs": problem.inputs,
        "level": problem.level,
        "keys": [
            [share, key.alice, key.flip, key.kept_alice, key.bob, key.kept_bob]
            for share, key in problem.keys
        ],
        "constraints": [
            [one.name, [[word, value] for word, value in one.terms]] for one in problem.constraints
        ],
    }


def _from_arrays(arrays: dict[str, Array]) -> Certificate:
    data = json.loads(str(arrays["problem"]))
    if data["format"] != _FORMAT:
        raise ValueError(f"format {data['format']} is not {_FORMAT}")
    problem = Problem(
        tuple(data["inputs"]),
        data["level"],
        tuple(
            (share, RawKey(x, flip, tuple(mine), y, tuple(its)))
            for share, x, flip, mine, y, its in data["keys"]
        ),
        tuple(
            Constraint(name, tuple((_word(word), value) for word, value in terms))
            for name, terms in data["constraints"]
        ),
    )
    nodes = int(arrays["nodes"])
    duals = tuple(
        NodeDual(tuple(arrays[f"matrices_{k}"]), arrays[f"multipliers_{k}"])
        for k in range(nodes - 1)
    )
    return Certificate(problem, nodes, duals, float(arrays["constant"]), arrays["slope"])


def _word(parts: list[list[int]]) -> Word:
    a, b, y = map(tuple, parts)
    return a, b, y


def _digest(arrays: dict[str, Array]) -> str:
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
