"""The entropy bounds: closed forms, and certified semidefinite bounds beside ncpol2sdpa's.

QNETSIM_PEER_NCPOL2SDPA names a Python that has ncpol2sdpa and cvxpy; without it nothing stands
beside ours.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import Figures, cpu_seconds, output_of, python, seconds, short
from qnetsim.security.asymmetric import asymmetric_entropy, asymmetric_slope
from qnetsim.security.biased import biased_entropy, biased_gradient
from qnetsim.security.chsh import chsh_entropy, chsh_slope
from qnetsim.security.npa.problem import Problem, RawKey, chsh_constraint, full_statistics
from qnetsim.security.npa.program import EntropyProgram, Solution
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.symmetry import orbits, sectors, symmetries
from qnetsim.security.two_basis import two_basis_entropy, two_basis_slope

POINTS = 1_000_000
FLIP = 0.2
ALPHA = 0.8
S = 2.578
NODES = 8
STATISTICS = np.linspace(2.3, 2.7, 50)
CHSH = Problem((2, 2), "1+A+B+AB+AA", ((1.0, RawKey(0, 0.0)),), chsh_constraint())
FULL = Problem((2, 2), "1+A+B+AB+AA", ((1.0, RawKey(0, 0.0)),), full_statistics((2, 2)))
SOLVERS = ("SCS", "CLARABEL")

Report = dict[str, Any]
Run = dict[str, float]


def closed_forms() -> Report:
    """Time of a million points of each closed form, by the clock and by the processor's."""
    rng = np.random.default_rng(1)
    s, bias = rng.uniform(2, 2 * np.sqrt(2), POINTS), rng.uniform(-1, 1, POINTS)
    tilted = 2 + (s - 2) / (np.sqrt(2) - 1) * (np.sqrt(1 + ALPHA**2) - 1)
    flips, alphas = rng.uniform(0, 0.49, POINTS), rng.uniform(0.5, 1.5, POINTS)
    work: dict[str, Callable[[], Any]] = {
        "chsh_entropy": lambda: chsh_entropy(s, FLIP),
        "chsh_slope": lambda: chsh_slope(s, FLIP),
        "two_basis_entropy": lambda: two_basis_entropy(s, FLIP),
        "two_basis_slope": lambda: two_basis_slope(s, FLIP),
        "asymmetric_entropy": lambda: asymmetric_entropy(tilted, ALPHA, FLIP),
        "asymmetric_slope": lambda: asymmetric_slope(tilted, ALPHA, FLIP),
        "biased_entropy": lambda: biased_entropy(s, bias, FLIP),
        "biased_gradient": lambda: biased_gradient(s, bias, FLIP),
        "chsh_entropy_own_flips": lambda: chsh_entropy(s, flips),
        "two_basis_entropy_own_flips": lambda: two_basis_entropy(s, flips),
        "asymmetric_entropy_own_alphas": lambda: asymmetric_entropy(2 * alphas, alphas, FLIP),
        "asymmetric_entropy_own_alphas_and_flips": lambda: asymmetric_entropy(
            2 * alphas, alphas, flips
        ),
        "biased_entropy_own_flips": lambda: biased_entropy(s, bias, flips),
        "biased_gradient_own_flips": lambda: biased_gradient(s, bias, flips),
    }
    return {
        "wall_s": Figures({k: partial(seconds, w) for k, w in work.items()}).spread(),
        "cpu_s": Figures({k: partial(cpu_seconds, w) for k, w in work.items()}).spread(),
    }


def certified() -> Report:
    """Time from nothing to a bound, imports apart, each in a fresh process; and how tight it is."""
    commands = {"qnetsim": python("from bench import security; security.print_certified()")}
    if peer := os.environ.get("QNETSIM_PEER_NCPOL2SDPA"):
        script = str(Path(__file__).with_name("peer_ncpol2sdpa.py"))
        asked = ("--s", str(S), "--nodes", str(NODES))
        commands |= {
            f"ncpol2sdpa_{solver.lower()}": [peer, script, solver, *asked] for solver in SOLVERS
        }
    runs: dict[str, list[Run]] = {name: [] for name in commands}

    def total(name: str) -> float:
        runs[name].append(json.loads(output_of(commands[name]).splitlines()[-1]))
        return runs[name][-1]["total_s"]

    totals = Figures({name: partial(total, name) for name in commands})
    builds = Figures({name: partial(next, _each(runs[name], "build_s")) for name in commands})
    plain = Figures({"qnetsim": partial(next, _each(runs["qnetsim"], "unreduced_s"))})
    exact = float(chsh_entropy(S))
    return {
        "qnetsim_over": {
            "build_s": builds.ratios_of("qnetsim"),
            "total_s": totals.ratios_of("qnetsim"),
        },
        "build_s": builds.spread(),
        "build_without_symmetries_s": plain.spread(),
        "total_s": totals.spread(),
        "bits_below_exact": {
            name: short(exact - statistics.median(_each(some, "bits")))
            for name, some in runs.items()
        },
    }


def new_statistics() -> Report:
    """Time of 50 CHSH values: by one compiled problem, each anew, and each in a fresh process.

    One fresh process a turn is run, and counted 50 times.
    """
    program = EntropyProgram(CHSH, NODES)
    program.solve([S])
    prompt = python(f"from bench import security; security.solve_anew({S})")
    figures = Figures(
        {
            "compiled": partial(seconds, lambda: [program.solve([s]) for s in STATISTICS]),
            "anew": partial(seconds, lambda: [solve_anew(s) for s in STATISTICS]),
            "fresh_process": lambda: len(STATISTICS) * seconds(partial(output_of, prompt)),
        }
    )
    return {"compiled_over": figures.ratios_of("compiled"), "wall_s": figures.spread()}


def full() -> Report:
    """Time from nothing to a certified bound from all statistics: two blocks of 33 rows."""
    values = np.array([0, 0, 0, 0, 1, 1, 1, -1]) * S / 4
    figures = Figures(
        {"qnetsim": partial(seconds, lambda: EntropyProgram(FULL, NODES).solve(values))}
    )
    return {"wall_s": figures.spread()}


def solve_anew(s: float) -> Solution:
    """Builds the CHSH problem's program and solves it."""
    return EntropyProgram(CHSH, NODES).solve([s])


def print_certified() -> None:
    """Prints what ``peer_ncpol2sdpa.py`` prints, of qnetsim; the bits are certified."""
    begin = time.perf_counter()
    relaxation = Relaxation(CHSH)
    _ = relaxation.matrix, relaxation.known, relaxation.objective(Fraction(0.5))
    unreduced = time.perf_counter()
    group = symmetries(relaxation)
    sectors(relaxation, group)
    orbits(relaxation, group)
    built = time.perf_counter()
    bits = solve_anew(S).certificate.entropy_bits([S])
    ended = time.perf_counter()
    times = {"unreduced_s": unreduced - begin, "build_s": built - begin, "total_s": ended - built}
    print(json.dumps({**times, "bits": bits}))


def _each(runs: list[Run], unit: str) -> Any:
    return (run[unit] for run in runs)
