"""Quantum strategies as density matrices: no bound may exceed what they give."""

import numpy as np
from scipy.special import entr


def entropy(matrix):
    values = np.clip(np.linalg.eigvalsh((matrix + matrix.conj().T) / 2), 0, None)
    return float(entr(values).sum() / np.log(2))


class Strategy:
    """A pure state of Alice, Bob and Eve, and observables of Alice and Bob."""

    def __init__(self, psi, alice, bob):
        self.psi = psi / np.linalg.norm(psi)  # (dA, dB, dE)
        self.alice, self.bob = alice, bob

    def mean(self, a, b):
        return float(np.einsum("abe,ai,bj,ije->", self.psi.conj(), a, b, self.psi).real)

    def moments(self):
        one_a, one_b = np.eye(self.psi.shape[0]), np.eye(self.psi.shape[1])
        return np.array(
            [self.mean(a, one_b) for a in self.alice]
            + [self.mean(one_a, b) for b in self.bob]
            + [self.mean(a, b) for a in self.alice for b in self.bob]
        )

    def chsh(self):
        (a0, a1), (b0, b1) = self.alice[:2], self.bob[:2]
        return self.mean(a0, b0 + b1) + self.mean(a1, b0 - b1)

    def eve(self, a, b=None):
        """Eve's state, not normalised, where operators a and b weigh a round."""
        b = np.eye(self.psi.shape[1]) if b is None else b
        return np.einsum("ai,bj,ije,abf->ef", a, b, self.psi, self.psi.conj())

    def key_entropy(self, flip, kept=((1, 1), (1, 1)), bob=None):
        """p_V H(A|E) of kept rounds, from Eve's states alone."""
        one_a, one_b = np.eye(self.psi.shape[0]), np.eye(self.psi.shape[1])
        parts_a = [
            k * (one_a + s * self.alice[0]) / 2 for k, s in zip(kept[0], (1, -1), strict=True)
        ]
        weight_b = one_b
        if bob is not None:
            weight_b = sum(
                k * (one_b + s * self.bob[bob]) / 2 for k, s in zip(kept[1], (1, -1), strict=True)
            )
        plus, minus = (self.eve(part, weight_b) for part in parts_a)
        noisy = [(1 - flip) * plus + flip * minus, (1 - flip) * minus + flip * plus]
        return sum(map(entropy, noisy)) - entropy(plus + minus)


def observable(rng, size):
    basis, _ = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    signs = rng.permutation(np.where(np.arange(size) % 2, 1.0, -1.0))
    return (basis * signs) @ basis.conj().T


def random_strategy(rng, inputs=(2, 2)):
    """A strategy near or far from the best one, in dimensions 2 to 4."""
    if rng.random() < 0.7:
        return near_best(rng, inputs)
    sizes = rng.integers(2, 5, size=3)
    psi = rng.normal(size=sizes) + 1j * rng.normal(size=sizes)
    return Strategy(
        psi,
        [observable(rng, sizes[0]) for _ in range(inputs[0])],
        [observable(rng, sizes[1]) for _ in range(inputs[1])],
    )


def near_best(rng, inputs=(2, 2)):
    """A noisy, partly entangled pair of qubits under measurements near the best for CHSH."""
    tilt = rng.uniform(0.3, 1.3)
    psi = np.zeros((2, 2, 4), dtype=complex)
    psi[0, 0, 0], psi[1, 1, 0] = np.cos(tilt), np.sin(tilt)
    psi += rng.uniform(0, 0.25) * (rng.normal(size=psi.shape) + 1j * rng.normal(size=psi.shape))

    def turned(angle):
        angle += rng.normal(0, 0.15)
        return np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])

    alice = [turned(angle) for angle in (0, np.pi / 2, np.pi / 4)[: inputs[0]]]
    bob = [turned(angle) for angle in (np.pi / 4, -np.pi / 4, 0)[: inputs[1]]]
    return Strategy(psi, alice, bob)


def best_for_chsh(s):
    """The strategy that leaves least entropy at CHSH value s: a mixture of two Bell states."""
    cosine = np.sqrt(s * s / 4 - 1)
    z, x = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    psi = np.zeros((2, 2, 2))
    for eve, (weight, sign) in enumerate((((1 + cosine) / 2, 1), ((1 - cosine) / 2, -1))):
        psi[0, 0, eve] = np.sqrt(weight / 2)
        psi[1, 1, eve] = sign * np.sqrt(weight / 2)
    bob = [(z + sign * cosine * x) / np.sqrt(1 + cosine**2) for sign in (1, -1)]
    return Strategy(psi, [z, x], bob)
