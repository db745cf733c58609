"""The memory slot in time."""

import math

import numpy as np
import pytest

import qnetsim as qn
from qnetsim import units
from qnetsim.nodes.slot import Branch, JointState, Slot
from qnetsim.physics.states import bell_state
from qnetsim.timeline import Timeline


def node(**changes: object) -> qn.MemoryNode:
    values: dict[str, object] = {
        "excitation_probability": 0.5,
        "collection_efficiency": 0.4,
        "photon_lifetime_s": 26e-9,
        "atom_photon_fidelity": 0.95,
        "readout": qn.Readout(duration_s=1e-6),
    }
    return qn.MemoryNode(**(values | changes))


def advance(timeline: Timeline, delay_ps: int) -> None:
    timeline.play(timeline.now + delay_ps)


def test_loading_and_loss_are_exponential_with_the_stated_means() -> None:
    trap = qn.Trap(loading_mean_s=2.0, lifetime_s=7.0)
    cooling = qn.Cooling(duration_s=1e-3, every_attempts=10)
    slot = Slot("alice", node(trap=trap, cooling=cooling), Timeline(2))
    loading, lifetimes = [], []
    n = 40_000
    for _ in range(n):
        loading.append(units.to_seconds(slot.loading_ps()))
        slot.load()
        lifetimes.append(units.to_seconds(slot.loss_ps))
    for samples, mean in ((loading, 2.0), (lifetimes, 7.0)):
        # 5.5 standard errors on two means and two spreads (whose relative error is sqrt(2/n) for
        # an exponential law): a false alarm below 1e-6.
        assert abs(np.mean(samples) - mean) < 5.5 * mean / math.sqrt(n)
        assert abs(np.std(samples) - mean) < 5.5 * mean * math.sqrt(2 / n)


def test_a_slot_without_a_trap_always_holds_its_particle() -> None:
    slot = Slot("alice", node(), Timeline(1))
    assert slot.loading_ps() == 0
    slot.load()
    assert slot.loss_ps == units.NEVER_PS


def test_an_empty_trap_is_read_as_the_outcome_of_a_lost_particle() -> None:
    readout = qn.Readout(duration_s=1e-6, outcome_if_lost=-1)
    timeline = Timeline(1)
    slot = Slot("alice", node(readout=readout), timeline)
    slot.load()
    slot.excite()
    slot.join(JointState(Branch(bell_state("psi+"), (slot.node, slot.node))), 0)
    advance(timeline, 10)
    slot.empty()
    assert {slot.measure(0.3) for _ in range(20)} == {-1}


def test_each_slot_dephases_with_its_own_age() -> None:
    t2_s = 50e-6
    spec = node(t2_s=t2_s, t2_exponent=2.0, dephasing_axis="y")
    n = 60_000
    angle_a, angle_b = 0.2, 0.5
    timeline = Timeline(9)
    slots = [Slot(name, spec, timeline) for name in ("alice", "bob")]
    for slot in slots:
        slot.load()
    branch = Branch(bell_state("psi+"), (spec, spec))
    ages_ps = (20_000_000, 35_000_000)
    total = 0
    for _ in range(n):
        slots[1].excite()
        advance(timeline, ages_ps[1] - ages_ps[0])
        slots[0].excite()
        joint = JointState(branch)
        for k, slot in enumerate(slots):
            slot.join(joint, k)
        advance(timeline, ages_ps[0])
        total += slots[0].measure(angle_a) * slots[1].measure(angle_b)
    decay = math.prod(math.exp(-((age * 1e-12 / t2_s) ** 2)) for age in ages_ps)
    wanted = -math.cos(2 * (angle_a + angle_b)) * decay
    assert abs(total / n - wanted) < 4.9 * math.sqrt((1 - wanted**2) / n)


def test_dephasing_about_z_spares_the_analyser_along_it() -> None:
    spec = node(t2_s=1e-6, dephasing_axis="z")
    _, after_plus, _ = Branch(bell_state("psi+"), (spec, spec)).read(0, 10**9, 0.0)
    p_plus, _, _ = after_plus.read(1, 10**9, 0.0)
    assert p_plus == pytest.approx(0, abs=1e-12)
    p_across, _, _ = after_plus.read(1, 10**9, math.pi / 4)
    assert p_across == pytest.approx(0.5)


def test_readouts_at_ever_new_ages_keep_a_bounded_memory() -> None:
    spec = node(t2_s=1e-3)
    branch = Branch(bell_state("psi+"), (spec, spec))
    for age in range(3000):
        branch.read(0, age, 0.1)
    assert len(branch._next) <= 1024


def test_a_lifetime_without_cooling_is_refused_because_nothing_would_show_the_loss() -> None:
    with pytest.raises(qn.InvalidInputError, match="cooling"):
        node(trap=qn.Trap(loading_mean_s=1.0, lifetime_s=5.0))


def test_a_fidelity_below_white_noise_is_refused() -> None:
    with pytest.raises(qn.InvalidInputError, match="memory_levels"):
        node(atom_photon_fidelity=0.1)
