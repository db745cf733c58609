"""Density matrices of qubits: Bell states, measurement, fidelity, QuTiP objects.

A state of n qubits is an array of shape (2^n, 2^n); qubit 0 is the leftmost factor.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import qutip

Matrix = NDArray[np.complexfloating[Any, Any]]

IDENTITY: Matrix = np.eye(2, dtype=complex)
PAULIS: dict[str, Matrix] = {
    "x": np.array([[0, 1], [1, 0]], dtype=complex),
    "y": np.array([[0, -1j], [1j, 0]], dtype=complex),
    "z": np.array([[1, 0], [0, -1]], dtype=complex),
}

_BELL_AMPLITUDES = {
    "phi+": (1, 0, 0, 1),
    "phi-": (1, 0, 0, -1),
    "psi+": (0, 1, 1, 0),
    "psi-": (0, 1, -1, 0),
}


def bell_state(name: str) -> Matrix:
    """Returns the density matrix, shape (4, 4), of a Bell state.

    Args:
        name: ``phi+``, ``phi-``, ``psi+`` or ``psi-``.

    Raises:
        KeyError: the name is not a Bell state's.
    """
    ket = np.array(_BELL_AMPLITUDES[name], dtype=complex) / np.sqrt(2)
    return np.outer(ket, ket.conj())


def embed(operator: Matrix, qubit: int, n_qubits: int) -> Matrix:
    """Returns a one-qubit operator, shape (2, 2), acting on one of n qubits."""
    left, right = range(2**qubit), range(2 ** (n_qubits - qubit - 1))
    factors = len(left), 2, len(right)
    embedded = np.zeros(2 * factors, dtype=operator.dtype)
    for k, m in product(left, right):  # np.kron takes ten times as long
        embedded[k, :, m, k, :, m] = operator
    return embedded.reshape(2**n_qubits, 2**n_qubits)


def qubits_of(state: Matrix) -> int:
    """Returns how many qubits a state has."""
    return int(state.shape[0]).bit_length() - 1


def polarisation_observable(angle_rad: float) -> Matrix:
    """Returns cos(2a) Z + sin(2a) X, the +-1 observable of a linear analyser at angle a.

    With 0 and 1 the memory states that horizontal and vertical photons leave behind, this is the
    memory's counterpart of a linear-polarisation measurement.
    """
    observable: Matrix = np.cos(2 * angle_rad) * PAULIS["z"] + np.sin(2 * angle_rad) * PAULIS["x"]
    return observable


def expectation(state: Matrix, operator: Matrix) -> float:
    """Returns Tr(rho A) of a normalised state and a Hermitian operator."""
    return float(np.einsum("ij,ji->", state, operator).real)


def fidelity(state: Matrix, pure: Matrix) -> float:
    """Returns the fidelity Tr(rho |psi><psi|) of a normalised state with a pure one."""
    return expectation(state, pure)


def measure(
    state: Matrix, qubit: int, observable: Matrix, errors: tuple[float, float] = (0.0, 0.0)
) -> tuple[float, Matrix, Matrix]:
    """Measures one qubit of a normalised state with an imperfect two-outcome readout.

    The mean is read as (1 - e0 - e1) <A> + (e1 - e0).

    Args:
        state: shape (2^n, 2^n), of trace 1.
        qubit: which one.
        observable: shape (2, 2), with eigenvalues +-1.
        errors: (e0, e1), the chances that +1 is read as -1 and -1 as +1.

    Returns:
        The probability of reading +1, and the normalised states after reading +1 and -1
        (the unchanged state where an outcome has no probability).
    """
    n_qubits = qubits_of(state)
    plus = embed((IDENTITY + observable) / 2, qubit, n_qubits)
    minus = embed((IDENTITY - observable) / 2, qubit, n_qubits)
    branches = plus @ state @ plus, minus @ state @ minus
    e0, e1 = errors
    read_plus = (1 - e0) * branches[0] + e1 * branches[1]
    read_minus = e0 * branches[0] + (1 - e1) * branches[1]
    p_plus, p_minus = (float(np.trace(branch).real) for branch in (read_plus, read_minus))
    return (
        p_plus / (p_plus + p_minus),
        read_plus / p_plus if p_plus > 0 else state,
        read_minus / p_minus if p_minus > 0 else state,
    )


def to_qobj(state: Matrix) -> qutip.Qobj:
    """Returns a state as a ``qutip.Qobj`` with one dimension 2 for each qubit."""
    import qutip

    dims = [2] * qubits_of(state)
    return qutip.Qobj(np.asarray(state, dtype=complex), dims=[dims, dims])
