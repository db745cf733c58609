"""Linear optics with creation operators, as an independent model for the tests of photonic links.

Light is a list of terms (coefficient, modes of the photons). An element rewrites the creation
operator of a mode by those of others, loss by one that nobody looks at. What the terms amount to
is found by QuTiP, in a Fock space of all final modes, or by multiplying out. No formula here is
one of qnetsim's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import product
from math import comb, cos, factorial, prod, sin, sqrt
from typing import NamedTuple

import numpy as np
import qutip
from numpy.typing import NDArray

Mode = tuple
Terms = list[tuple[float, list[Mode]]]
Rules = dict[Mode, dict[Mode, float]]

HV = ("H", "V")
PATTERNS = {
    "psi+": [((1, "H"), (1, "V")), ((2, "H"), (2, "V"))],
    "psi-": [((1, "H"), (2, "V")), ((2, "H"), (1, "V"))],
}
"""The detectors (output, polarisation) that must click while the other two are silent."""


class Counts(NamedTuple):
    """Photon numbers (terms, modes) that occur, and their amplitudes."""

    modes: list[Mode]
    numbers: NDArray[np.int64]
    amplitudes: NDArray[np.float64]

    @property
    def chances(self) -> NDArray[np.float64]:
        return self.amplitudes**2


# --- light ---------------------------------------------------------------------------------------


def pairs(n: int, first: str, second: str, gains: tuple[float, float] = (1.0, 1.0)) -> Terms:
    """(g_H a_H b_H + g_V a_V b_V)^n |0>, normalised."""
    norm = factorial(n) * sqrt(
        sum((gains[0] ** (n - k) * gains[1] ** k) ** 2 for k in range(n + 1))
    )
    both = {p: [(first, p), (second, p)] for p in HV}
    return [
        (
            comb(n, k) * gains[0] ** (n - k) * gains[1] ** k / norm,
            (n - k) * both["H"] + k * both["V"],
        )
        for k in range(n + 1)
    ]


def photons(h: int, v: int, arm: str) -> Terms:
    return [(1 / sqrt(factorial(h) * factorial(v)), h * [(arm, "H")] + v * [(arm, "V")])]


def together(*lights: Terms) -> Terms:
    return [
        (prod(c for c, _ in parts), [mode for _, modes in parts for mode in modes])
        for parts in product(*lights)
    ]


# --- elements ------------------------------------------------------------------------------------


def loss(arm: str, transmission: float, into: str) -> Rules:
    """Each polarisation of an arm into another arm, or else into a mode of its own."""
    return {
        (arm, p): {(into, p): sqrt(transmission), ("lost", arm, p): sqrt(1 - transmission)}
        for p in HV
    }


def splitter(arm: str, transmission: float, reflected: str, transmitted: str) -> Rules:
    return {
        (arm, p): {(transmitted, p): sqrt(transmission), (reflected, p): sqrt(1 - transmission)}
        for p in HV
    }


def station(name: str, arriving: str, local: str, overlap: float) -> Rules:
    """50:50: arriving -> (1 + 2)/sqrt(2), local -> (1 - 2)/sqrt(2); wave packets f and g."""
    half = sqrt(0.5)
    rules: Rules = {}
    for p in HV:
        rules[arriving, p] = {(name, 1, p, "f"): half, (name, 2, p, "f"): half}
        rules[local, p] = {
            (name, out, p, packet): sign * half * sqrt(share)
            for out, sign in ((1, 1), (2, -1))
            for packet, share in (("f", overlap), ("g", 1 - overlap))
            if share
        }
    return rules


def analyser(arm: str, angle_rad: float, into: str) -> Rules:
    c, s = cos(angle_rad), sin(angle_rad)
    return {
        (arm, "H"): {(into, "+"): c, (into, "-"): -s},
        (arm, "V"): {(into, "+"): s, (into, "-"): c},
    }


def expand(mode: Mode, rules: Rules) -> dict[Mode, float]:
    """Returns a creation operator in the final modes."""
    if mode not in rules:
        return {mode: 1.0}
    final: dict[Mode, float] = defaultdict(float)
    for step, amplitude in rules[mode].items():
        for end, further in expand(step, rules).items():
            final[end] += amplitude * further
    return {end: amplitude for end, amplitude in final.items() if amplitude}


# --- two ways to count ---------------------------------------------------------------------------


@cache
def fock_space(n_modes: int, excitations: int) -> tuple[list, NDArray, NDArray[np.int64]]:
    """Returns QuTiP's creation operators, vacuum and basis states (terms, modes)."""
    dims = [excitations + 1] * n_modes
    creators = [a.dag().to("csr").data.as_scipy() for a in qutip.enr_destroy(dims, excitations)]
    vacuum = qutip.enr_fock(dims, excitations, [0] * n_modes).full()[:, 0].real
    states = qutip.enr_state_dictionaries(dims, excitations)[2]
    return [a.real.tocsr() for a in creators], vacuum, np.array([states[i] for i in states])


def count_by_qutip(light: Terms, rules: Rules, modes: list[Mode]) -> Counts:
    """Builds the state in the Fock space of the final modes, up to the photons in the light."""
    creators, vacuum, numbers = fock_space(len(modes), max(len(at) for _, at in light))
    of = dict(zip(modes, creators, strict=True))
    state = np.zeros_like(vacuum)
    for coefficient, at in light:
        term = coefficient * vacuum
        for mode in at:
            term = sum(x * (of[end] @ term) for end, x in expand(mode, rules).items())
        state = state + term
    return Counts(modes, numbers, state)


def count_by_hand(light: Terms, rules: Rules) -> Counts:
    """Multiplies the creation operators out; a monomial is an integer, its bytes the powers."""
    total: dict[int, float] = defaultdict(float)
    digit: dict[Mode, int] = {}
    forms: dict[Mode, list[tuple[int, float]]] = {}
    products: dict[tuple[Mode, ...], dict[int, float]] = {(): {0: 1.0}}

    def product_of(at: tuple[Mode, ...]) -> dict[int, float]:
        """Terms begin alike, so that each beginning is multiplied out once."""
        if at not in products:
            mode = at[-1]
            if mode not in forms:
                forms[mode] = [
                    (1 << 8 * digit.setdefault(end, len(digit)), y)
                    for end, y in expand(mode, rules).items()
                ]
            grown: dict[int, float] = defaultdict(float)
            for monomial, x in product_of(at[:-1]).items():
                for factor, y in forms[mode]:
                    grown[monomial + factor] += x * y
            products[at] = grown
        return products[at]

    for coefficient, at in light:
        for monomial, x in product_of(tuple(at)).items():
            total[monomial] += coefficient * x
    modes = list(digit) or [("none",)]
    powers = b"".join(m.to_bytes(len(modes), "little") for m in total)
    numbers = np.frombuffer(powers, dtype=np.uint8).reshape(-1, len(modes)).astype(int)
    factorials = np.array([factorial(n) for n in range(13)])
    norms = np.sqrt(factorials[numbers].prod(axis=1))
    return Counts(modes, numbers, np.array(list(total.values())) * norms)


# --- what the detectors show ---------------------------------------------------------------------


class Eye(NamedTuple):
    """A detector: efficiency, dark counts, whether one click means one count."""

    efficiency: float
    dark: float
    resolves: bool = False

    def click(self, n: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.resolves:
            one = n * self.efficiency * (1 - self.efficiency) ** np.maximum(n - 1, 0)
            return one * (1 - self.dark) + (1 - self.efficiency) ** n * self.dark
        return 1 - self.silent(n)

    def silent(self, n: NDArray[np.int64]) -> NDArray[np.float64]:
        return (1 - self.efficiency) ** n * (1 - self.dark)


def seen(counts: Counts, where: Iterable) -> NDArray[np.int64]:
    """Returns the photons in all modes that begin with a label."""
    label = tuple(where)
    at = [i for i, mode in enumerate(counts.modes) if mode[: len(label)] == label]
    return counts.numbers[:, at].sum(axis=1)


def herald_chances(counts: Counts, name: str, eye: Eye) -> NDArray[np.float64]:
    """Returns (4, terms): the two click sets of psi+, then those of psi-."""
    light = {(out, p): seen(counts, (name, out, p)) for out, p in product((1, 2), HV)}
    clicks = {at: eye.click(n) for at, n in light.items()}
    silent = {at: eye.silent(n) for at, n in light.items()}
    rows = []
    for patterns in PATTERNS.values():
        for lit in patterns:
            row = np.ones(len(counts.chances))
            for at in light:
                row = row * (clicks if at in lit else silent)[at]
            rows.append(row)
    return np.array(rows)


def outcome_chances(counts: Counts, arm: str, eye: Eye) -> NDArray[np.float64]:
    """Returns (4, terms): none, +, -, both."""
    plus, minus = (seen(counts, (arm, sign)) for sign in "+-")
    return np.array(
        [
            eye.silent(plus) * eye.silent(minus),
            eye.click(plus) * eye.silent(minus),
            eye.silent(plus) * eye.click(minus),
            eye.click(plus) * eye.click(minus),
        ]
    )


def one_each(
    counts: Counts, weights: NDArray[np.float64], arms: tuple[str, str]
) -> NDArray[np.float64]:
    """Returns the state of one photon in either arm, shape (4, 4), in HH, HV, VH, VV.

    Terms that agree in all other modes interfere; each set of these modes' numbers counts with its
    weight (terms,).
    """
    own = [counts.modes.index((arm, p)) if (arm, p) in counts.modes else -1
           for arm in arms for p in HV]  # fmt: skip
    padded = np.concatenate([counts.numbers, np.zeros((len(counts.numbers), 1), dtype=int)], axis=1)
    held, others = padded[:, own], np.delete(padded, own, axis=1)
    one = np.flatnonzero((held[:, :2].sum(axis=1) == 1) & (held[:, 2:].sum(axis=1) == 1))
    if not len(one):
        return np.zeros((4, 4))
    _, first, group = np.unique(others[one], axis=0, return_index=True, return_inverse=True)
    kets = np.zeros((len(first), 4))
    kets[group.ravel(), 2 * held[one, 1] + held[one, 3]] = counts.amplitudes[one]
    return (kets.T * weights[one[first]]) @ kets


def assert_click_sets_share_their_heralds(
    ours: NDArray[np.float64], click_sets: NDArray[np.float64]
) -> None:
    """Each of the two click sets of a name, on any side that has one, has half of it."""
    for axis, (names, sets) in enumerate(zip(ours.shape, click_sets.shape, strict=True)):
        if sets == 2 * names:
            ours = np.repeat(ours / 2, 2, axis=axis)
    np.testing.assert_allclose(ours, click_sets, rtol=0, atol=1e-10)
