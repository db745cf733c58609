"""Noise on one qubit of a state, as completely positive trace-preserving maps."""

from __future__ import annotations

import math

import numpy as np

from qnetsim.physics.states import IDENTITY, PAULIS, Matrix, embed, qubits_of


def dephase(state: Matrix, qubit: int, coherence: float, axis: str = "z") -> Matrix:
    """Returns a state after one qubit lost coherence about an axis of its Bloch sphere.

    Args:
        state: shape (2^n, 2^n).
        qubit: which one.
        coherence: what remains of the Bloch vector across the axis, in [0, 1].
        axis: ``x``, ``y`` or ``z``; the component along it is untouched.
    """
    pauli = embed(PAULIS[axis], qubit, qubits_of(state))
    return (1 + coherence) / 2 * state + (1 - coherence) / 2 * (pauli @ state @ pauli)


def relax(state: Matrix, qubit: int, survival: float) -> Matrix:
    """Returns a state after amplitude damping of one qubit: its 1 has decayed to 0.

    Args:
        state: shape (2^n, 2^n).
        qubit: which one.
        survival: the chance exp(-t/T1) that a 1 is still there; coherence keeps its square root.
    """
    n_qubits = qubits_of(state)
    stays: Matrix = np.diag([1.0, math.sqrt(survival)]).astype(complex)
    decays: Matrix = np.array([[0, math.sqrt(1 - survival)], [0, 0]], dtype=complex)
    kraus = [embed(operator, qubit, n_qubits) for operator in (stays, decays)]
    return sum((k @ state @ k.conj().T for k in kraus), start=0 * state)


def rotate(state: Matrix, qubit: int, angle_rad: float) -> Matrix:
    """Returns a state after one qubit's linear polarisation was turned by an angle.

    The real rotation cos(a) - i sin(a) Y takes |0> to cos(a)|0> + sin(a)|1>.
    """
    turn = math.cos(angle_rad) * IDENTITY - 1j * math.sin(angle_rad) * PAULIS["y"]
    unitary = embed(turn, qubit, qubits_of(state))
    turned: Matrix = unitary @ state @ unitary.conj().T
    return turned


def depolarise(state: Matrix, qubit: int, visibility: float) -> Matrix:
    """Returns a state after one qubit was replaced by white noise with probability 1 - V."""
    n_qubits = qubits_of(state)
    flipped = sum(
        (p @ state @ p for p in (embed(pauli, qubit, n_qubits) for pauli in PAULIS.values())),
        start=0 * state,
    )
    return (1 + 3 * visibility) / 4 * state + (1 - visibility) / 4 * flipped


def remaining_coherence(time_s: float, t2_s: float | None, exponent: float) -> float:
    """Returns exp(-(t/T2)^n): n = 2 is Gaussian dephasing, n = 1 exponential.

    Args:
        time_s: how long the qubit was stored, in s.
        t2_s: the coherence time in s; ``None`` keeps all coherence.
        exponent: n.
    """
    return 1.0 if t2_s is None else math.exp(-((time_s / t2_s) ** exponent))


def white_noise_visibility(fidelity: float, levels: int) -> float:
    """Returns V of V |psi><psi| + (1 - V) 1/(2 d), from its fidelity with psi.

    The photon has two levels and the memory d, counting those outside the qubit:
    F = V + (1 - V)/(2 d). For the three Zeeman levels of rubidium that is F = 1/6 + 5 V/6.

    Args:
        fidelity: F, in [1/(2 d), 1].
        levels: d, 2 or more.
    """
    floor = 1 / (2 * levels)
    return (fidelity - floor) / (1 - floor)
