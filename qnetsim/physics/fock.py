r"""Photons counted mode by mode: detectors, loss and rotated analysers as operators.

Operators act on a pair of modes: the polarisations H and V of one arm, or the two inputs of a beam
splitter. They are real arrays of shape (..., J+1, K+1, J+1, K+1), indexed by photon numbers,

.. math:: X_{jkj'k'} = \langle j, k | X | j', k' \rangle .

Everything here is in the Heisenberg picture: an operator behind an optical element is pulled back
to the one in front of it that has the same mean. Sums run over photon numbers and hold no
difference of probabilities, so small ones keep their digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real: TypeAlias = NDArray[np.float64]
Operators: TypeAlias = NDArray[np.float64]

OUTCOMES: tuple[str, ...] = ("none", "+", "-", "both")
"""What a user's two detectors show, in the order of every outcome axis."""


class Detector(NamedTuple):
    """A photon detector, or each of several equal ones.

    Attributes:
        efficiency: chance that a photon is detected; what is lost on the way to the detector,
            alike for every mode, belongs in here.
        dark_probability: pd, the chance of a count without a photon in one window.
        resolves_number: whether "one click" means exactly one count; a threshold detector clicks
            once for any number of photons.
    """

    efficiency: float
    dark_probability: float = 0.0
    resolves_number: bool = False

    def silent(self, photons: int) -> Real:
        """Returns the chance of no click for 0 to ``photons`` photons."""
        missed: Real = (1 - self.efficiency) ** np.arange(photons + 1.0)
        return (1 - self.dark_probability) * missed

    def lit(self, photons: int) -> Real:
        """Returns the chance of one click that a photon made, for 0 to ``photons`` photons."""
        n = np.arange(photons + 1.0)
        first = self.efficiency * (1 - self.efficiency) ** n
        if self.resolves_number:
            one: Real = n * np.concatenate([[0.0], first[:-1]])
            return (1 - self.dark_probability) * one
        return np.concatenate([[0.0], np.cumsum(first[:-1])])

    def dark(self, photons: int) -> Real:
        """Returns the chance of one click that no photon made, for 0 to ``photons`` photons."""
        missed: Real = (1 - self.efficiency) ** np.arange(photons + 1.0)
        return self.dark_probability * missed

    def click(self, photons: int) -> Real:
        """Returns the chance of one click for 0 to ``photons`` photons."""
        return self.lit(photons) + self.dark(photons)


def splitting_amplitudes(transmission: float, photons: int) -> Real:
    r"""Returns how n photons part at a beam splitter whose other input is empty.

    Args:
        transmission: eta, the chance that a photon is transmitted.
        photons: the largest n.

    Returns:
        Array of shape (photons + 1, photons + 1): [k, n] is
        :math:`\sqrt{\binom{n}{k} \eta^{n-k} (1-\eta)^k}`, the amplitude for k photons reflected;
        zero for k > n.
    """
    chances = np.zeros((photons + 1, photons + 1))
    chances[0, 0] = 1.0
    for n in range(1, photons + 1):
        chances[:, n] = transmission * chances[:, n - 1]
        chances[1:, n] += (1 - transmission) * chances[:-1, n - 1]
    return np.sqrt(chances)


def diagonal(operators: Operators, shift: int) -> Operators:
    """Returns a view of the elements <j, k|X|j + shift, k - shift>.

    Operators that keep the total number have no others.

    Args:
        operators: shape (..., J+1, K+1, J+1, K+1).
        shift: in [-min(J, K), min(J, K)].

    Returns:
        Shape (..., J+1-abs(shift), K+1-abs(shift)).
    """
    first, second = operators.shape[-4:-2]
    up, down = max(shift, 0), max(-shift, 0)
    part = operators[
        ..., down : first - up, up : second - down, up : first - down, down : second - up
    ]
    view: Operators = np.einsum("...jkjk->...jk", part)
    return view


def shifts(operators: Operators) -> range:
    """Returns all shifts of ``diagonal``."""
    most = min(operators.shape[-4:-2]) - 1
    return range(-most, most + 1)


def pull_back_loss(operators: Operators, transmissions: tuple[float, float]) -> Operators:
    """Returns operators behind two lossy modes, pulled back to the front of them.

    Args:
        operators: shape (..., J+1, K+1, J+1, K+1); none changes the total number.
        transmissions: of the first and the second mode of the pair.
    """
    if transmissions == (1.0, 1.0):
        return operators
    first, second = (
        splitting_amplitudes(transmission, size - 1)
        for transmission, size in zip(transmissions, operators.shape[-2:], strict=True)
    )
    before = np.zeros_like(operators)
    for shift in shifts(operators):
        behind = diagonal(operators, shift)
        diagonal(before, shift)[:] = (
            _survivals(first, shift) @ behind @ _survivals(second, -shift).T
        )
    return before


def _survivals(amplitudes: Real, shift: int) -> Real:
    """Returns how |j><j + shift| in front of a loss weighs |i><i + shift| behind it: [j, i].

    Args:
        amplitudes: the ``splitting_amplitudes``.
        shift: positive or negative; both numbers are 0 or more.
    """
    size = len(amplitudes) - abs(shift)
    kept = np.arange(size)
    lost = kept[:, None] - kept
    low = kept[:, None] + max(-shift, 0)
    weights: Real = amplitudes[lost, low] * amplitudes[lost, low + shift]
    return np.where(lost >= 0, weights, 0.0)


def mix_turns(operators: Operators, turns: Sequence[float]) -> Operators:
    """Returns operators on two polarisations, behind random Pauli operators on all photons alike.

    Args:
        operators: shape (..., N+1, N+1, N+1, N+1); none changes the total number.
        turns: the weights of no operator, Z, X, and both.
    """
    none, z, x, both = turns
    v = np.arange(operators.shape[-1])
    signs = (-1.0) ** np.add.outer(v, v)[:, None, :]
    kept: Operators = (none + z * signs) * operators
    if x or both:
        kept = kept + ((x + both * signs) * operators).swapaxes(-4, -3).swapaxes(-2, -1)
    return kept


def rotations(angle_rad: float, photons: int) -> list[Real]:
    r"""Returns the number amplitudes of two modes seen from rotated ones.

    The rotated modes are + = cos(angle) first + sin(angle) second and
    - = cos(angle) second - sin(angle) first. At 45 degrees this is a 50:50 beam splitter.

    Args:
        angle_rad: in rad.
        photons: the largest total number n.

    Returns:
        For n = 0 to ``photons`` an orthogonal matrix of shape (n + 1, n + 1), whose [k, j] is
        <k, n-k in the modes + and -|j, n-j in the first and second>. Built photon by photon from
        :math:`n |j, n-j\rangle = (\sqrt{j}\, a_1^\dagger |j-1, n-j\rangle
        + \sqrt{n-j}\, a_2^\dagger |j, n-j-1\rangle)`.
    """
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    matrices = [np.ones((1, 1))]
    for n in range(1, photons + 1):
        roots = np.sqrt(np.arange(1.0, n + 1))
        plus, minus = np.zeros((n + 1, n)), np.zeros((n + 1, n))
        plus[1:] = roots[:, None] * matrices[-1]
        minus[:-1] = roots[::-1, None] * matrices[-1]
        matrix = np.zeros((n + 1, n + 1))
        matrix[:, 1:] = roots * (cos * plus - sin * minus)
        matrix[:, :-1] += roots[::-1] * (sin * plus + cos * minus)
        matrices.append(matrix / n)
    return matrices


def rotated_diagonal(
    angle_rad: float, weights: Real, limits: tuple[int, int] | None = None
) -> Operators:
    """Returns the operator that is diagonal in the numbers of two rotated modes.

    Args:
        angle_rad: as in ``rotations``.
        weights: shape (n + 1, n + 1), by the numbers in the modes + and -; the operator leaves
            out totals above n.
        limits: (J, K), the largest numbers in the first and second mode; n each if left out.
    """
    total = len(weights) - 1
    first, second = limits or (total, total)
    operator = np.zeros((first + 1, second + 1) * 2)
    for n, matrix in enumerate(rotations(angle_rad, min(total, first + second))):
        j = np.arange(max(0, n - second), min(n, first) + 1)
        k = np.arange(n + 1)
        part = matrix[:, j]
        bra, ket = j[:, None], j[None, :]
        operator[bra, n - bra, ket, n - ket] = part.T @ (weights[k, n - k, None] * part)
    return operator


def analyser(angles_rad: ArrayLike, detector: Detector, photons: int) -> Operators:
    """Returns the outcomes of a linear analyser with a detector behind each output.

    Detector + sees the polarisation cos(angle) H + sin(angle) V, detector - the other one.

    Args:
        angles_rad: in rad, shape (S,).
        detector: both of them, read as threshold detectors.
        photons: the largest number of photons of both polarisations together.

    Returns:
        Shape (S, 4, photons+1, photons+1, photons+1, photons+1); the second axis runs over
        ``OUTCOMES``, which sum to the identity.
    """
    silent = detector.silent(photons)
    click = detector._replace(resolves_number=False).click(photons)
    weights = [np.outer(p, m) for m in (silent, click) for p in (silent, click)]
    angles = np.atleast_1d(np.asarray(angles_rad, dtype=float))
    return np.array([[rotated_diagonal(angle, w) for w in weights] for angle in angles])


def number_projectors(photons: int) -> Operators:
    """Returns the projectors on no photon, one and several, of both polarisations together.

    Args:
        photons: the largest number of photons.

    Returns:
        Shape (3, photons+1, photons+1, photons+1, photons+1).
    """
    identity = np.eye((photons + 1) ** 2).reshape([photons + 1] * 4)
    number = np.arange(photons + 1)
    classes = number == 0, number == 1, number > 1
    return np.array([scale_by_number(identity, members.astype(float)) for members in classes])


def scale_by_number(operators: Operators, factors: Real) -> Operators:
    """Returns operators times a factor for each total number of photons.

    Args:
        operators: shape (..., N+1, N+1, N+1, N+1); none changes the total.
        factors: for 0, 1, ... N photons; what holds more is left out.
    """
    numbers = np.arange(len(factors))
    total = np.add.outer(numbers, numbers)
    padded = np.pad(factors, (0, len(factors) - 1))
    return padded[total][:, :, None, None] * operators
