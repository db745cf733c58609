"""Words of observables: what cancels, what commutes, which moments are the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.npa.problem import chsh_constraint, full_statistics
from qnetsim.security.npa.relaxation import moment_matrix
from qnetsim.security.npa.words import (
    ONE,
    Y_ADJOINT,
    Y,
    adjoint,
    alice,
    bob,
    moment_of,
    multiply,
    words_of,
)

letters = st.sampled_from([alice(0), alice(1), bob(0), bob(1), bob(2), Y, Y_ADJOINT])


def product(parts):
    word = ONE
    for part in parts:
        word = multiply(word, part)
    return word


words = st.lists(letters, max_size=8).map(product)
repeatable = settings(deadline=None, derandomize=True)


class Operators:
    """Random operators with the words' algebra, in finite dimensions."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)

        def involution(size):
            basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
            return basis @ np.diag(rng.choice([-1.0, 1.0], size)) @ basis.T

        sizes = (3, 4, 3)
        eyes = [np.eye(size) for size in sizes]

        def placed(place, matrix):
            parts = list(eyes)
            parts[place] = matrix
            return np.kron(np.kron(parts[0], parts[1]), parts[2])

        self.a = [placed(0, involution(3)) for _ in range(2)]
        self.b = [placed(1, involution(4)) for _ in range(3)]
        self.y = placed(2, rng.normal(size=(3, 3)))

    def __call__(self, word):
        a, b, y = word
        result = np.eye(36)
        for index in a:
            result = result @ self.a[index]
        for index in b:
            result = result @ self.b[index]
        for letter in y:
            result = result @ (self.y if letter > 0 else self.y.T)
        return result


OPERATORS = Operators(5)


@given(words, words)
@settings(repeatable, max_examples=60)
def test_words_multiply_and_adjoin_as_operators_do(left, right):
    both = OPERATORS(left) @ OPERATORS(right)
    assert OPERATORS(multiply(left, right)) == pytest.approx(both, abs=1e-9)
    assert OPERATORS(adjoint(left)) == pytest.approx(OPERATORS(left).T, abs=1e-9)


@given(words, words, words)
@repeatable
def test_multiplication_of_words_is_associative(u, v, w):
    assert multiply(multiply(u, v), w) == multiply(u, multiply(v, w))


@given(words)
@repeatable
def test_a_word_and_its_adjoint_are_one_moment(word):
    assert moment_of(word) == moment_of(adjoint(word))


@pytest.mark.parametrize(
    ("level", "inputs", "count"),
    [
        ("1+A+B+AB+AA", (2, 2), 11),
        ("1+A+B+AB+AA+AAB", (2, 2), 15),
        ("1+A+B+AB+AA+AAB+BB+ABB", (2, 2), 21),
        ("1+A+B+AB+AA", (3, 3), 22),
    ],
)
def test_a_level_has_the_words_that_its_name_says(level, inputs, count):
    found = words_of(level, inputs)
    assert len(found) == len(set(found)) == count
    assert found[0] == ONE


@pytest.mark.parametrize("level", ["A+B", "1+C", "1+", "", "1+A+"])
def test_a_level_that_is_no_list_of_products_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        words_of(level, (2, 2))


def test_a_moment_matrix_holds_the_means_of_its_words():
    base = [ONE, alice(0), alice(1), bob(0), multiply(alice(0), bob(2)), Y, multiply(alice(1), Y)]
    matrix = moment_matrix(base)
    rng = np.random.default_rng(2)
    psi = rng.normal(size=36)
    psi /= np.linalg.norm(psi)
    moments = np.array([psi @ OPERATORS(word) @ psi for word in matrix.moments])
    direct = np.array([[psi @ OPERATORS(u).T @ OPERATORS(v) @ psi for v in base] for u in base])
    assert moments[matrix.of_entry] == pytest.approx(direct, abs=1e-10)
    assert np.linalg.eigvalsh(direct)[0] > -1e-10


def test_constraints_name_what_is_known():
    assert [one.name for one in full_statistics((2, 1))] == ["A0", "A1", "B0", "A0B0", "A1B0"]
    assert chsh_constraint()[0].largest == 4
