"""The semidefinite programs themselves, through cvxpy: the one module that imports it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import cvxpy
import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, NDArray

from qnetsim.security.npa.certificate import Certificate, NodeDual, certificate, known_mean
from qnetsim.security.npa.problem import Polynomial, Problem
from qnetsim.security.npa.quadrature import radau
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.repair import repair
from qnetsim.security.npa.symmetry import orbits, sectors, symmetries
from qnetsim.security.npa.words import Y_ADJOINT, Y, multiply

Real = NDArray[np.float64]

Report = Callable[[int, int], None]
"""Is told how many nodes are solved, and of how many."""


_FASTEST = {
    cvxpy.CLARABEL: {
        "direct_solve_method": "faer",
        "max_threads": 1,
        "iterative_refinement_enable": False,
    }
}
"""Threads are for nodes, and a certificate needs no refined last digits: a third less time."""


class NoQuantumDeviceError(ValueError):
    """Values of the constraints that no quantum device gives."""


class SolverFailedError(RuntimeError):
    """A solver that found nothing to certify."""


class Solution(NamedTuple):
    """What a semidefinite program came to.

    Attributes:
        certificate: the proof, the only thing that is a bound.
        solver_bits: the solver's own value, a diagnostic: it may lie above the truth.
    """

    certificate: Certificate
    solver_bits: float


class EntropyProgram:
    """An entropy problem as a semidefinite program: compiled once, solved for many statistics.

    Args:
        problem: the raw key and what is known.
        nodes: of the quadrature, the trivial one included. More lie closer to the entropy, and
            matter most where it is near its largest.
        solver: any that cvxpy has for semidefinite programs.
        options: the solver's.

    Raises:
        ValueError: the level has too few words, the constraints do not fix the share of kept
            rounds, or the solver is not installed.

    References:
        Brown, Fawzi and Fawzi, arXiv 2106.13692.
    """

    def __init__(
        self, problem: Problem, nodes: int, solver: str = cvxpy.CLARABEL, **options: Any
    ) -> None:
        self.problem = problem
        self.nodes = nodes
        self.relaxation = Relaxation(problem)
        self._solver = solver
        if solver not in cvxpy.installed_solvers():  # type: ignore[no-untyped-call]
            installed = ", ".join(cvxpy.installed_solvers())  # type: ignore[no-untyped-call]
            raise ValueError(f"solver ({solver}) must be one of {installed}")
        self._options = options or _FASTEST.get(solver, {})
        known_mean(problem, self.relaxation.last())

    def solve(self, values: ArrayLike, report: Report | None = None) -> Solution:
        """Returns the certified bound for some statistics.

        Nodes are solved side by side in threads.

        Args:
            values: of the problem's constraints, shape (constraints,).
            report: is told of progress.

        Raises:
            ValueError: the number of values is another, or one is not finite.
            NoQuantumDeviceError: the values lie outside the (relaxed) quantum set.
            SolverFailedError: the solver ended without a solution.
            CertificateError: its solution proves nothing.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.shape != (len(self.problem.constraints),) or not np.isfinite(values).all():
            raise ValueError(f"values must be {len(self.problem.constraints)} finite numbers")
        try:
            duals, optima = self._solved(values, report)
        except SolverFailedError:
            self.check_quantum(values)
            raise
        if self._form.inaccurate:
            self.check_quantum(values)
        found = certificate(self.relaxation, self.nodes, duals)
        return Solution(found, self._bits(values, optima))

    def check_quantum(self, values: ArrayLike) -> None:
        """Checks whether devices could give these statistics, as far as the level can tell.

        Args:
            values: of the problem's constraints, shape (constraints,).

        Raises:
            NoQuantumDeviceError: they could not.
        """
        if not self._form.is_quantum(np.asarray(values, dtype=np.float64)):
            raise NoQuantumDeviceError("no quantum device gives these statistics")

    def _solved(self, values: Real, report: Report | None) -> tuple[list[NodeDual], list[float]]:
        nodes, form = radau(self.nodes).nodes, self._form
        form.inaccurate = False
        duals, optima = [], []
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            tasks = [pool.submit(form.solve, *form.data(t, values)) for t in nodes]
            for done, (t, task) in enumerate(zip(nodes, tasks, strict=True), 1):
                optimum, matrices = form.unpack(t, values, task.result())
                optima.append(optimum)
                duals.append(repair(self.relaxation, t, matrices))
                if report:
                    report(done, len(nodes))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupt waits for no solver
        return duals, optima

    @cached_property
    def _form(self) -> _Form:
        return _Form(self.relaxation, self._solver, self._options)

    def _bits(self, values: Real, optima: list[float]) -> float:
        rule = radau(self.nodes)
        nats = float(rule.last_weight) * self._mean(self.relaxation.last(), values)
        for t, w, optimum in zip(rule.nodes, rule.weights, optima, strict=True):
            base = self._mean(self.relaxation.base(Fraction(t)), values)
            nats += w / t * (base + float(self.relaxation.scale) * optimum)
        return nats / float(np.log(2))

    def _mean(self, polynomial: Polynomial, values: Real) -> float:
        constant, slope = known_mean(self.problem, polynomial)
        return float(constant) + float(np.dot(np.array(slope, dtype=np.float64), values))


_ROUNDED = 1e-7
"""An eigenvalue this little below 0 may be rounding of the statistics or the solver's."""


class _Form:
    """A relaxation in a solver's standard form, in which only numbers change.

    Moments are an affine function of the values of the constraints and of free variables.

    Attributes:
        inaccurate: whether the solver called one of its solutions so.
    """

    inaccurate = False

    def __init__(self, relaxation: Relaxation, solver: str, options: dict[str, Any]) -> None:
        self._relaxation = relaxation
        self._solver = solver
        self._options = options
        group = symmetries(relaxation)
        self._bases = sectors(relaxation, group)
        self._one, self._given, self._free = _affine(relaxation, orbits(relaxation, group))
        self._values = cvxpy.Parameter(self._given.shape[1])
        self._cost = cvxpy.Parameter(self._free.shape[1])
        self._eve = _eve_moments(relaxation)
        self._largest = cvxpy.Parameter(len(self._eve))
        self._variables = cvxpy.Variable(self._free.shape[1])
        self._positive = [
            [self._sector(block.ids, basis) for basis in self._bases] for block in relaxation.blocks
        ]
        constraints = [one for block in self._positive for one in block]
        constraints.append(cvxpy.Constant(self._free[self._eve]) @ self._variables <= self._largest)
        self._program = cvxpy.Problem(cvxpy.Minimize(self._cost @ self._variables), constraints)

    def data(self, t: float, values: Real) -> tuple[Any, Any, Any]:
        """Returns the program at a node in the solver's form."""
        self._values.value = values
        self._cost.value = self._free.T @ self._objective(t)
        self._largest.value = self._relaxation.largest(t)[self._eve]
        try:
            data, chain, inverse = self._program.get_problem_data(
                self._solver, solver_opts=self._options
            )
        except cvxpy.SolverError as error:
            raise SolverFailedError(f"{self._solver}: {error}") from None
        return data, chain, inverse

    def solve(self, data: Any, chain: Any, inverse: Any) -> tuple[Any, Any, Any]:
        """Solves it: touches nothing that other threads do."""
        try:
            raw = chain.solve_via_data(self._program, data, solver_opts=dict(self._options))
        except cvxpy.SolverError as error:
            raise SolverFailedError(f"{self._solver}: {error}") from None
        return raw, chain, inverse

    def unpack(
        self, t: float, values: Real, solved: tuple[Any, Any, Any]
    ) -> tuple[float, list[Real]]:
        """Returns the optimum and a dual matrix for each block."""
        raw, chain, inverse = solved
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # inaccurate: the certificate tells
                self._program.unpack_results(raw, chain, inverse)
        except cvxpy.SolverError as error:
            raise SolverFailedError(f"{self._solver}: {error}") from None
        status = self._program.status
        self.inaccurate |= status == cvxpy.OPTIMAL_INACCURATE
        if status not in (cvxpy.OPTIMAL, cvxpy.OPTIMAL_INACCURATE):
            raise SolverFailedError(f"{self._solver} ended with status {status} at t = {t:.4g}")
        moments = self._one + self._given @ values + self._free @ np.asarray(self._variables.value)
        matrices = [
            sum(
                basis @ np.asarray(one.dual_value) @ basis.T
                for basis, one in zip(self._bases, block, strict=True)
            )
            for block in self._positive
        ]
        return float(self._objective(t) @ moments), matrices

    def is_quantum(self, values: Real) -> bool:
        """Returns whether some moments of the parties alone, with these values, are positive.

        Where that cannot be told they are taken to be.
        """
        words = sum(not word[2] for word in self._relaxation.matrix.words)
        ids = self._relaxation.blocks[0].ids
        index = ids[self._relaxation.matrix.of_entry[:words, :words]].ravel()
        fixed = (self._one + self._given @ values)[index]
        moments = cvxpy.Constant(self._free[index]) @ self._variables + fixed
        smallest = cvxpy.Variable()
        program = cvxpy.Problem(
            cvxpy.Maximize(smallest), [_square(moments, words) >> smallest * np.eye(words)]
        )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # inaccurate, and good enough
                program.solve(cvxpy.CLARABEL)  # type: ignore[no-untyped-call]
        except cvxpy.SolverError:
            return True
        return bool(smallest.value is None or smallest.value > -_ROUNDED)

    def _objective(self, t: float) -> Real:
        coefficients = np.zeros(self._relaxation.size)
        for moment, value in self._relaxation.objective(Fraction(t)).items():
            coefficients[moment] = float(value)
        return coefficients

    def _sector(self, ids: NDArray[np.int64], basis: Real) -> Any:
        index = ids[self._relaxation.matrix.of_entry].ravel()
        size = len(index)
        standing = scipy.sparse.csr_matrix(
            (np.ones(size), (np.arange(size), index)), shape=(size, self._relaxation.size)
        )
        narrow = scipy.sparse.csr_matrix(basis)
        entries = scipy.sparse.kron(narrow, narrow).T.tocsr() @ standing
        one, given, free = (
            entries @ part for part in (self._one, self._given, scipy.sparse.csr_matrix(self._free))
        )
        flat = free @ self._variables + given @ self._values + one
        return _square(flat, basis.shape[1]) >> 0


def _square(entries: Any, size: int) -> Any:
    return cvxpy.reshape(entries, (size, size), order="C")  # type: ignore[attr-defined]


def _affine(relaxation: Relaxation, table: Real) -> tuple[Real, Real, Real]:
    """Returns moments as one + given . values + free . variables."""
    known = relaxation.known @ table
    fixed = np.flatnonzero(known.any(axis=0))
    _, size, right = np.linalg.svd(known[:, fixed])
    rank = int((size > 1e-9).sum())
    inverse, null = np.linalg.pinv(known[:, fixed]), right[rank:].T
    others = np.setdiff1d(np.arange(1, table.shape[1]), fixed)
    given = np.round(table[:, fixed] @ inverse, 15)
    free = np.hstack([table[:, fixed] @ null, table[:, others]])
    return table[:, 0], np.asarray(given, dtype=np.float64), free


def _eve_moments(relaxation: Relaxation) -> NDArray[np.int64]:
    pairs = [multiply(Y, Y_ADJOINT), multiply(Y_ADJOINT, Y)]
    return np.array(
        [relaxation.moment(word, n) for n in range(len(relaxation.blocks)) for word in pairs]
    )
