"""A pair source between absorbing memories, against every photon's fate written out in QuTiP."""

from itertools import product

import numpy as np
import pytest
import qutip
from hypothesis import given
from hypothesis import strategies as st

from qnetsim.physics.midpoint import CAUSES, PairPulse, midpoint_click_states

PSI_PLUS = (
    qutip.tensor(qutip.basis(2, 0), qutip.basis(2, 1))
    + qutip.tensor(qutip.basis(2, 1), qutip.basis(2, 0))
).unit()
MIXED_1 = qutip.qeye(2) / 2
chances = st.floats(0, 1)


def by_enumeration(pulse: PairPulse, efficiencies: tuple[float, float], pd: float) -> np.ndarray:
    """Each photon is absorbed or lost; a memory keeps one of those it absorbed, at random."""
    pair = pulse.visibility * qutip.ket2dm(PSI_PLUS)
    pair += (1 - pulse.visibility) * qutip.tensor(MIXED_1, MIXED_1)
    states = np.zeros((4, 4, 4), dtype=complex)
    numbers = ((1 - pulse.one - pulse.two, 0), (pulse.one, 1), (pulse.two, 2))
    for chance, n in numbers:
        # Subsystems alternate: Alice's photon of pair k is 2 k, Bob's 2 k + 1.
        photons = qutip.tensor([pair] * n) if n else None
        for absorbed in product(product((0, 1), repeat=n), repeat=2):
            weight = chance
            for side, e in enumerate(efficiencies):
                weight *= np.prod([e if hit else 1 - e for hit in absorbed[side]])
            choices = [
                [2 * k + side for k, hit in enumerate(absorbed[side]) if hit] or [None]
                for side in (0, 1)
            ]
            for chosen in product(*choices):
                share = weight / (len(choices[0]) * len(choices[1]))
                held = held_state(photons, chosen)
                lit = [photon is not None for photon in chosen]
                for dark in product((0, 1), repeat=2):
                    announced = sum((lit[i] or dark[i]) << i for i in (0, 1))
                    noise = np.prod([pd if d else 1 - pd for d in dark])
                    states[announced] += share * noise * held
    return states


def held_state(photons: qutip.Qobj | None, chosen: tuple[int | None, int | None]) -> np.ndarray:
    parts = [photon for photon in chosen if photon is not None]
    if len(parts) == 2:
        return photons.ptrace(parts).full()
    if not parts:
        return qutip.tensor(MIXED_1, MIXED_1).full()
    one = photons.ptrace(parts)
    pair = (one, MIXED_1) if chosen[0] is not None else (MIXED_1, one)
    return qutip.tensor(*pair).full()


@pytest.mark.parametrize("seed", range(50))
def test_the_map_equals_the_enumeration_of_every_photons_fate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = rng.dirichlet([1, 1, 1])[:2]
    pulse = PairPulse(one, two, rng.random())
    efficiencies = tuple(rng.random(2))
    pd = rng.choice([0.0, 1e-6, rng.random()])
    found = midpoint_click_states(pulse, efficiencies, pd).sum(axis=0)
    assert np.abs(found - by_enumeration(pulse, efficiencies, pd)).max() < 1e-14


@given(st.floats(0, 0.5), st.floats(0, 0.5), chances, chances, chances, chances)
def test_each_cause_leaves_a_state_and_all_chances_add_to_one(
    one: float, two: float, v: float, e1: float, e2: float, pd: float
) -> None:
    states = midpoint_click_states(PairPulse(one, two, v), (e1, e2), pd)
    assert states.shape[0] == len(CAUSES)
    assert np.trace(states, axis1=2, axis2=3).sum() == pytest.approx(1, abs=1e-12)
    assert np.linalg.eigvalsh(states).min() > -1e-12


def test_a_perfect_pair_source_heralds_psi_plus() -> None:
    states = midpoint_click_states(PairPulse(1.0, 0.0, 1.0), (0.3, 0.6), 0.0)
    assert np.trace(states[0, 3]) == pytest.approx(0.18)
    assert np.allclose(states[0, 3] / 0.18, qutip.ket2dm(PSI_PLUS).full())


def test_no_light_leaves_only_false_announcements_of_a_mixed_state() -> None:
    states = midpoint_click_states(PairPulse(0.9, 0.1, 1.0), (0.0, 0.0), 0.1)
    assert np.trace(states[:2, 3].sum(axis=0)) == 0
    assert np.allclose(states[2, 3], 0.01 * np.eye(4) / 4)
