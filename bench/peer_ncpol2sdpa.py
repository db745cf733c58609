"""The entropy bound from the CHSH value in ncpol2sdpa, run by a Python that has that and cvxpy.

It does not belong to qnetsim's own environment: ``bench.security`` starts it where
QNETSIM_PEER_NCPOL2SDPA names such a Python. Prints one JSON line: ``build_s``, the time until the
relaxation is generated; ``total_s``, that and the solution of every node; ``bits``, the solver's
value, which nothing certifies. Imports count in neither time.

The relaxation is generated once, and its objective set anew for each node, which is the faster way
here. Moments of odd products vanish by the same symmetry as in qnetsim, so that one outcome's
matrix stands for both.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from itertools import product
from typing import Any

import ncpol2sdpa  # type: ignore[import-not-found]
import numpy as np
import sympy
from sympy.physics.quantum.dagger import Dagger

A = ncpol2sdpa.generate_operators("A", 2, hermitian=True)
B = ncpol2sdpa.generate_operators("B", 2, hermitian=True)
(Z,) = ncpol2sdpa.generate_operators("Z", 1)


def relaxation(s: float) -> Any:
    """Returns the relaxation over the words {1, A, B, AB, AA'} x {1, Z, Z*} at CHSH value S."""
    squares = {x**2: sympy.S.One for x in (*A, *B)}
    orders = {b * a: a * b for a, b in product(A, B)}
    orders |= {z * x: x * z for z, x in product((Z, Dagger(Z)), (*A, *B))}
    products = [a * b for a, b in product(A, B)]
    words = [sympy.S.One, *A, *B, *products, A[0] * A[1], A[1] * A[0]]
    odd = [*A, *B, A[0] * A[1] * A[0], A[1] * A[0] * A[1]]
    odd += [A[0] * A[1] * b for b in B] + [a * B[0] * B[1] for a in A]
    known = dict.fromkeys(odd, 0) | {products[0]: s - products[1] - products[2] + products[3]}
    sdp = ncpol2sdpa.SdpRelaxation([*A, *B, Z])
    sdp.get_relaxation(
        -1,
        objective=objective(0.5),
        substitutions=squares | orders,
        momentsubstitutions=known,
        extramonomials=[word * z for z in (1, Z, Dagger(Z)) for word in words],
    )
    return sdp


def objective(t: float) -> Any:
    """Returns what is to be least at a node, for one outcome."""
    seen = (1 + A[0]) / 2
    return seen * (Z + Dagger(Z) + (1 - t) * Dagger(Z) * Z) + t * Z * Dagger(Z)


def radau(nodes: int) -> tuple[Any, Any]:
    """Returns the nodes t < 1 and weights of the Gauss-Radau rule, whose last node is 1."""
    before, last = (np.polynomial.legendre.Legendre.basis(n) for n in (nodes - 1, nodes))
    x = np.sort((last - before).roots().real)[:-1]
    return (x + 1) / 2, (1 + x) / (2 * (nodes * before(x)) ** 2)


def entropy_bits(sdp: Any, nodes: int, solver: str) -> float:
    """Returns the bound, the node t = 1 left out: it is worth nothing without noise."""
    bits = 0.0
    for t, weight in zip(*radau(nodes), strict=True):
        sdp.set_objective(objective(t))
        sdp.solve("cvxpy", solverparameters={"solver": solver})
        bits += weight / (t * np.log(2)) * (1 + 2 * sdp.primal)
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("solver", help="one of cvxpy's")
    parser.add_argument("--s", type=float, required=True)
    parser.add_argument("--nodes", type=int, required=True)
    given = parser.parse_args()
    begin = time.perf_counter()
    sdp = relaxation(given.s)
    built = time.perf_counter()
    bits = entropy_bits(sdp, given.nodes, given.solver)
    ended = time.perf_counter()
    print(json.dumps({"build_s": built - begin, "total_s": ended - begin, "bits": bits}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
