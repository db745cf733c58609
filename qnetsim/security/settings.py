"""State and settings that make the most of given hardware, by the slopes of certified bounds.

A certificate is an affine lower bound on Eve's entropy, so that what it leaves after error
correction is a smooth function of state and angles: it is climbed, and at its top a new certificate
made. Where the rate stops rising, no small change of settings raises it to first order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from qnetsim.security.behaviour import moments_of
from qnetsim.security.hardware import binned, pair_behaviour
from qnetsim.security.information import FloatArray, within
from qnetsim.security.npa.certificate import Certificate
from qnetsim.security.npa.problem import Problem, RawKey, full_statistics
from qnetsim.security.rates import conditional_entropy
from qnetsim.security.semidefinite import Asked

ANGLES = ("state", "alice_0", "alice_1", "bob_0", "bob_1", "bob_key")
"""What is optimised, in rad; Alice's first setting makes key, Bob's third answers it."""


_ENOUGH = 1e-5
"""Bits by which a round of the search must raise the rate to go on."""


class Hardware(NamedTuple):
    """A source of pairs and two parties' detectors.

    Attributes:
        efficiencies: the chance that Alice's qubit is detected, and Bob's.
        visibility: of the pair (``hardware.pair_behaviour``).
        keep_no_clicks: whether Bob keeps key rounds without a click apart.
    """

    efficiencies: tuple[float, float]
    visibility: float
    keep_no_clicks: bool


class Settings(NamedTuple):
    """Settings and what they are certified to give.

    Attributes:
        angles: as named in ``ANGLES``, in rad.
        rate: certified secret bits of a key round.
        certificate: the proof.
    """

    angles: FloatArray
    rate: float
    certificate: Certificate


def optimised_settings(
    hardware: Hardware,
    start: FloatArray,
    flip: float,
    asked: Asked,
    most: int,
    report: Callable[[Settings], None] | None = None,
) -> Settings:
    """Returns the best settings found from a start; a local optimum.

    Each round of the search takes a semidefinite program: seconds for the level 1+A+B+AB+AA.

    Args:
        hardware: what is given.
        start: angles in the order of ``ANGLES``, in rad, with a CHSH value above 2.
        flip: of noisy preprocessing, below 1/2.
        asked: for the bound.
        most: programs to solve at most.
        report: is told of each settings tried.

    Raises:
        ValueError: an efficiency or the visibility lies outside [0, 1], or most is below 1.
    """
    from scipy.optimize import minimize

    from qnetsim.security.npa.program import EntropyProgram

    within(most, 1, np.inf, "number of programs")
    problem = Problem((2, 2), asked.level, ((1.0, RawKey(0, flip)),), full_statistics((2, 2)))
    program = EntropyProgram(problem, asked.nodes, asked.solver)

    def at(angles: FloatArray) -> Settings:
        certificate, _ = program.solve(_observed(hardware, angles, flip)[0])
        found = Settings(angles, -loss(angles, certificate), certificate)
        if report:
            report(found)
        return found

    def loss(angles: FloatArray, certificate: Certificate) -> float:
        moments, ec_bits = _observed(hardware, angles, flip)
        return ec_bits - certificate.constant - float(certificate.slope @ moments)

    best = at(np.asarray(start, dtype=np.float64))
    for _ in range(most - 1):
        found = at(minimize(loss, best.angles, (best.certificate,)).x)
        if found.rate < best.rate + _ENOUGH:
            return max(best, found, key=lambda one: one.rate)
        best = found
    return best


def _observed(hardware: Hardware, angles: FloatArray, flip: float) -> tuple[FloatArray, float]:
    """Returns the moments of the test and H(A|B) of the key in bits."""
    state, alice, bob = angles[0], angles[1:3], angles[3:]
    table = binned(
        pair_behaviour(state, alice, bob, hardware.visibility, hardware.efficiencies), -2
    )
    test = binned(table, -1)
    key = table if hardware.keep_no_clicks else test
    return moments_of(test[:, :2]), float(conditional_entropy(key[0, 2], flip))
