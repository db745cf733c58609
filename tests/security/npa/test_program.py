"""The semidefinite bound against the closed form, where one is exact."""

import cvxpy
import numpy as np
import pytest
from strategies import random_strategy

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.npa.problem import (
    Constraint,
    Problem,
    RawKey,
    chsh_constraint,
    full_statistics,
)
from qnetsim.security.npa.program import EntropyProgram, NoQuantumDeviceError, SolverFailedError
from qnetsim.security.npa.relaxation import Relaxation
from qnetsim.security.npa.symmetry import orbits, sectors, symmetries

LEVEL = "1+A+B+AB+AA"
TEN_TO_2_82 = np.linspace(2.05, 2.82, 11)


def problem(flip=0.0, level=LEVEL, constraints=None):
    return Problem((2, 2), level, ((1.0, RawKey(0, flip)),), constraints or chsh_constraint())


def nodes_for(s):
    """More nodes where the trivial last one spoils the value."""
    return 8 if s < 2.5 else 16 if s < 2.7 else 28


@pytest.fixture(scope="module")
def program():
    return {nodes: EntropyProgram(problem(), nodes) for nodes in (8, 16, 28)}


@pytest.mark.parametrize("s", TEN_TO_2_82)
def test_certified_value_lies_just_below_the_closed_form(program, s):
    exact = float(chsh_entropy(s))
    solved = program[nodes_for(s)].solve([s])
    assert solved.solver_bits == pytest.approx(exact, abs=1e-5)
    certified = solved.certificate.entropy_bits([s])
    assert exact - 2e-5 <= certified <= exact


def noisy_entropy(s, flip):
    """f_q of the literature, in 30 digits' worth of care for small 1-2q."""
    from decimal import Decimal, getcontext

    getcontext().prec = 40

    def phi(x):
        total = Decimal(0)
        for p in ((1 + x) / 2, (1 - x) / 2):
            total -= p * p.ln() / Decimal(2).ln() if p > 0 else 0
        return total

    s, q = Decimal(s), Decimal(flip)
    square = s * s / 4 - 1
    return 1 + phi(((1 - 2 * q) ** 2 + 4 * q * (1 - q) * square).sqrt()) - phi(square.sqrt())


@pytest.mark.parametrize("flip", [0.02, 0.2, 0.49])
@pytest.mark.parametrize("s", [2.1, 2.4, 2.7])
def test_noise_is_taken_out_without_loss_of_digits(flip, s):
    exact = noisy_entropy(s, flip)
    certified = EntropyProgram(problem(flip), 16).solve([s]).certificate.entropy_bits([s])
    lost = float(exact) - certified
    assert 0 <= lost < 3e-4 * (1 - 2 * flip) ** 2


def test_no_violation_certifies_no_entropy():
    program = EntropyProgram(problem(), 4)
    assert program.solve([1.5]).certificate.entropy_bits([1.5]) == 0
    assert program.solve([2.0]).certificate.entropy_bits([2.0]) == pytest.approx(0, abs=1e-4)


def test_values_beyond_the_quantum_limit_are_refused():
    with pytest.raises(NoQuantumDeviceError, match="no quantum device"):
        EntropyProgram(problem(), 3).solve([2.9])


def test_a_solver_that_gives_up_ends_in_an_error():
    with pytest.raises(SolverFailedError):
        EntropyProgram(problem(), 3, max_iter=2).solve([2.5])


def test_a_loose_solver_loses_bits_and_never_gains_any():
    s, exact = 2.5, float(chsh_entropy(2.5))
    loose = EntropyProgram(problem(), 8, cvxpy.SCS, eps=1e-4, max_iters=4000)
    certified = loose.solve([s]).certificate.entropy_bits([s])
    assert certified <= exact
    assert certified > 0


def test_a_loose_solver_answers_for_no_values_beyond_the_quantum_limit():
    with pytest.raises(NoQuantumDeviceError):
        EntropyProgram(problem(), 4, cvxpy.SCS, max_iters=100).solve([2.9])


@pytest.mark.parametrize("values", [[np.nan], [np.inf], [2.5, 2.5], 2.5])
def test_values_that_are_no_statistics_are_refused(values):
    with pytest.raises(ValueError, match="values must be 1 finite numbers"):
        EntropyProgram(problem(), 3).solve(values)


def test_full_statistics_know_no_less_than_the_chsh_value():
    rng = np.random.default_rng(12)
    strategy = next(s for s in iter(lambda: random_strategy(rng), None) if s.chsh() > 2.3)
    full = EntropyProgram(problem(0.0, "1+A+B+AB", full_statistics((2, 2))), 4)
    alone = EntropyProgram(problem(0.0, "1+A+B+AB"), 4)
    moments = strategy.moments()
    knows = full.solve(moments).certificate.entropy_bits(moments)
    chsh = alone.solve([strategy.chsh()]).certificate.entropy_bits([strategy.chsh()])
    assert chsh - 1e-5 <= knows <= strategy.key_entropy(0)


def test_post_selection_counts_kept_rounds_alone():
    """Rounds of a perfect pair, a third of them lost at random: H is 1 bit of each that is kept."""
    key = RawKey(0, 0.0, (0.5, 0.5), 0, (0.8, 0.8))
    asked = Problem((2, 2), "1+A+B+AB", ((1.0, key),), full_statistics((2, 2)))
    values = np.array([0, 0, 0, 0, 0.7, 0.7, 0.7, -0.7])
    selected, every = (
        EntropyProgram(one, 6).solve(values).certificate.entropy_bits(values)
        for one in (asked, problem(0.0, "1+A+B+AB", full_statistics((2, 2))))
    )
    assert selected == pytest.approx(0.4 * every, abs=1e-5)


def test_chsh_has_one_symmetry_that_halves_its_matrix():
    relaxation = Relaxation(problem())
    group = symmetries(relaxation)
    assert len(group) == 1
    assert sorted(basis.shape[1] for basis in sectors(relaxation, group)) == [15, 18]
    table = orbits(relaxation, group)
    assert table.shape[1] < relaxation.size / 2
    assert not table[relaxation.vanishing].any()


def test_sectors_hold_all_of_an_invariant_matrix():
    relaxation = Relaxation(problem())
    group = symmetries(relaxation)
    moments = orbits(relaxation, group) @ np.random.default_rng(3).normal(
        size=orbits(relaxation, group).shape[1]
    )
    matrix = moments[relaxation.blocks[0].ids[relaxation.matrix.of_entry]]
    bases = sectors(relaxation, group)
    rebuilt = sum(b @ b.T @ matrix @ b @ b.T for b in bases)
    assert rebuilt == pytest.approx(matrix, abs=1e-10)


def test_an_unsymmetric_constraint_leaves_no_symmetry():
    terms = (*chsh_constraint()[0].terms[:3], (chsh_constraint()[0].terms[3][0], -0.7))
    relaxation = Relaxation(problem(constraints=(Constraint("tilted", terms),)))
    assert symmetries(relaxation) == []


@pytest.mark.parametrize("level", ["1+A+B+AB+AA+BB", "1+A+B+AB+AA+AAB"])
def test_quantum_values_pass_the_check_at_every_level_and_others_do_not(level):
    program = EntropyProgram(problem(0.0, level), 3)
    for s in (2.1, 2.5, 2.8, 2.828):
        program.check_quantum([s])
    with pytest.raises(NoQuantumDeviceError):
        program.check_quantum([2.83])


def test_a_level_without_correlators_is_refused_by_name():
    with pytest.raises(ValueError, match="level 1 has too few words"):
        EntropyProgram(problem(0.0, "1"), 3).solve([2.3])
