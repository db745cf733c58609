"""Certificates: rigorous, checkable without a solver, broken by any change, valid everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from strategies import best_for_chsh, random_strategy

from qnetsim.security.npa.certificate import Certificate, CertificateError, NodeDual
from qnetsim.security.npa.problem import (
    Constraint,
    Problem,
    RawKey,
    chsh_constraint,
    full_statistics,
)
from qnetsim.security.npa.program import EntropyProgram
from qnetsim.security.npa.words import Y_ADJOINT, Y, alice, multiply

CHSH = Problem((2, 2), "1+A+B+AB+AA", ((1.0, RawKey(0, 0.0)),), chsh_constraint())
FULL = Problem((2, 2), "1+A+B+AB", ((1.0, RawKey(0, 0.05)),), full_statistics((2, 2)))


@pytest.fixture(scope="module")
def certificate():
    return EntropyProgram(CHSH, 6).solve([2.5]).certificate


def test_a_certificate_verifies_and_survives_a_file(certificate, tmp_path):
    certificate.verify()
    certificate.save(tmp_path / "chsh.npz")
    again = Certificate.load(tmp_path / "chsh.npz")
    again.verify()
    assert again.problem == certificate.problem
    assert again.entropy_bits([2.5]) == certificate.entropy_bits([2.5]) > 0.45


def perturbed(certificate, node, matrix=None, multipliers=None):
    dual = certificate.duals[node]
    changed = NodeDual(
        dual.matrices if matrix is None else (matrix, *dual.matrices[1:]),
        dual.multipliers if multipliers is None else multipliers,
    )
    duals = [*certificate.duals]
    duals[node] = changed
    return replace(certificate, duals=tuple(duals))


@pytest.mark.parametrize("change", [1e-3, -1e-3, 1e-9, -1e-9])
@pytest.mark.parametrize("place", [(0, 0), (0, 3), (4, 17), (20, 20), (32, 31)])
def test_a_matrix_perturbed_by_hand_fails(certificate, place, change):
    matrix = certificate.duals[2].matrices[0].copy()
    matrix[place] += change
    if place[0] != place[1]:
        matrix[place[::-1]] += change
    with pytest.raises(CertificateError):
        perturbed(certificate, 2, matrix).verify()


@pytest.mark.parametrize(
    "claim",
    [
        {"constant": 1e-9},
        {"constant": -1e-9},
        {"slope": 1e-9},
        {"slope": -1e-9},
    ],
)
def test_a_claim_perturbed_by_hand_fails(certificate, claim):
    ((name, change),) = claim.items()
    with pytest.raises(CertificateError, match=name):
        replace(certificate, **{name: getattr(certificate, name) + change}).verify()


def test_other_multipliers_or_another_problem_fail(certificate):
    with pytest.raises(CertificateError):
        perturbed(certificate, 1, multipliers=certificate.duals[1].multipliers + 1e-6).verify()
    noisy = replace(CHSH, keys=((1.0, RawKey(0, 1e-3)),))
    with pytest.raises(CertificateError):
        replace(certificate, problem=noisy).verify()
    with pytest.raises(CertificateError, match="5 dual solutions for 7 nodes"):
        replace(certificate, nodes=8).verify()


def test_a_lopsided_or_indefinite_matrix_proves_nothing(certificate):
    matrix = certificate.duals[0].matrices[0].copy()
    matrix[1, 2] += 1e-12
    with pytest.raises(CertificateError, match="not proved positive"):
        perturbed(certificate, 0, matrix).verify()
    with pytest.raises(CertificateError, match="1 matrices of 33 rows"):
        perturbed(certificate, 0, matrix[:5, :5]).verify()


@pytest.mark.parametrize("damage", ["cut", "flip", "other", "empty"])
def test_a_damaged_file_is_refused(certificate, tmp_path, damage):
    path = tmp_path / "certificate.npz"
    certificate.save(path)
    data = bytearray(path.read_bytes())
    if damage == "cut":
        data = data[: len(data) // 2]
    elif damage == "flip":
        data[len(data) // 2] ^= 1
    elif damage == "empty":
        data = bytearray()
    path.write_bytes(data)
    if damage == "other":
        np.savez(path, nothing=np.zeros(3))
    with pytest.raises(CertificateError, match="certificate"):
        Certificate.load(path)


def test_a_file_whose_numbers_were_changed_is_refused(certificate, tmp_path):
    path = tmp_path / "certificate.npz"
    certificate.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["constant"] = arrays["constant"] + 1e-3
    np.savez(path, **arrays)
    with pytest.raises(CertificateError, match="was changed"):
        Certificate.load(path)


@pytest.mark.slow
def test_random_strategies_lie_above_certificates_made_for_others():
    """20 certificates at random quantum points, each applied to 500 others."""
    rng = np.random.default_rng(31)
    program = EntropyProgram(FULL, 3)
    made = []
    while len(made) < 20:
        strategy = random_strategy(rng)
        if abs(strategy.chsh()) > 2.05:
            solved = program.solve(strategy.moments())
            assert solved.certificate.entropy_bits(strategy.moments()) <= strategy.key_entropy(0.05)
            made.append(solved.certificate)
    constants = np.array([one.constant for one in made])
    slopes = np.array([one.slope for one in made])
    closest = np.inf
    for _ in range(500):
        strategy = random_strategy(rng)
        bounds = constants + slopes @ strategy.moments()
        truth = strategy.key_entropy(0.05)
        assert bounds.max() <= truth + 1e-12
        closest = min(closest, truth - bounds.max())
    assert closest < 0.1  # they are not idle


def test_the_best_strategy_would_expose_a_certificate_too_high_by_1e_5():
    strategy = best_for_chsh(2.5)
    assert strategy.chsh() == pytest.approx(2.5, abs=1e-12)
    certificate = EntropyProgram(CHSH, 8).solve([2.5]).certificate
    gap = strategy.key_entropy(0) - certificate.entropy_bits([2.5])
    assert 0 <= gap < 1e-5


# --- forgeries -----------------------------------------------------------------------------------


def test_terms_that_cancel_in_floats_and_not_in_truth_are_refused():
    """CHSH and 2^54 - 2^54 of each word: its row would be 0 in floats, its multiplier free."""
    large = 2.0**54
    terms = tuple(
        term
        for word, value in chsh_constraint()[0].terms
        for term in ((word, large), (word, value), (word, -large))
    )
    with pytest.raises(ValueError, match="different means"):
        Constraint("S", terms)


@pytest.mark.parametrize(
    "terms",
    [
        (),
        ((multiply(Y, Y_ADJOINT), 1.0),),
        ((multiply(alice(0), alice(1)), 1.0),),
        ((alice(0), float("nan")),),
        ((((), (), ()), 1.0),),
    ],
)
def test_constraints_on_what_nobody_observes_are_refused(terms):
    with pytest.raises(ValueError, match="constraint S must be"):
        Constraint("S", terms)


@pytest.mark.parametrize("shares", [(-0.5, 1.5), (float("nan"), 1.0), (0.5, 0.4), (1.0, 0.0)])
def test_shares_of_raw_keys_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="shares of the raw keys"):
        Problem((2, 2), "1+A+B+AB", tuple((s, RawKey(0, 0.0)) for s in shares), chsh_constraint())


def test_malformed_dual_solutions_end_in_a_certificate_error(certificate):
    dual = certificate.duals[0]
    (matrix,), multipliers = dual.matrices, dual.multipliers
    for changed in (
        NodeDual((), multipliers),
        NodeDual((matrix, matrix), multipliers),
        NodeDual((matrix,), np.append(multipliers, 1.0)),
        NodeDual((matrix,), np.array(1.0)),
        NodeDual((matrix,), np.array([np.nan])),
        NodeDual((matrix,), np.array([np.inf])),
        NodeDual((matrix.astype(complex),), multipliers),
        NodeDual((matrix.astype(str),), multipliers),
        NodeDual((matrix * 1e300,), multipliers),
        NodeDual((matrix.astype(np.float32),), multipliers),
    ):
        forged = replace(certificate, duals=(changed, *certificate.duals[1:]))
        with pytest.raises(CertificateError):
            forged.verify()
    for level in ("1+A", "1+" + "AB" * 11, "1+C"):
        with pytest.raises(CertificateError):
            replace(certificate, problem=replace(CHSH, level=level)).verify()


@pytest.mark.parametrize("values", [2.5, [2.5, 2.5], [np.nan], [np.inf], [[2.5]]])
def test_values_of_another_shape_or_none_at_all_are_refused(certificate, values):
    with pytest.raises(ValueError, match="values must be 1 finite numbers"):
        certificate.entropy_bits(values)


def test_a_wrong_relaxation_that_made_a_certificate_does_not_verify_it():
    program = EntropyProgram(CHSH, 3)
    vars(program.relaxation)["scale"] = 2 * program.relaxation.scale
    made = program.solve([2.5]).certificate
    with pytest.raises(CertificateError, match="as the dual solution proves"):
        made.verify()
