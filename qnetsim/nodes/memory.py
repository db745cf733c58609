"""Memory nodes: a trapped atom or ion that emits photons entangled with it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from qnetsim import units
from qnetsim.nodes.activity import Ledger
from qnetsim.physics.noise import dephase, remaining_coherence, white_noise_visibility
from qnetsim.physics.states import Matrix, measure, polarisation_observable
from qnetsim.spec import (
    Exponent,
    PositiveInteger,
    PositiveSeconds,
    Probability,
    Seconds,
    Spec,
    described,
    within,
)
from qnetsim.timeline import Timeline

_BRANCHES_KEPT = 1024

Axis = Literal["x", "y", "z"]
Fidelity = Annotated[float, AfterValidator(within(0.01, 1))]
Levels = Annotated[int, AfterValidator(within(2, 1000))]
Lifetime = Annotated[float, AfterValidator(within(1e-3, 3.2e9))]


class Trap(Spec):
    """How the particle comes into its trap and leaves it."""

    loading_mean_s: Seconds = described("mean of the exponential time until a particle is trapped")
    lifetime_s: Lifetime | None = described(
        "mean of the exponential time until it is lost; never where it is absent", default=None
    )
    emptying_s: Seconds = described(
        "time to clear the trap after a destructive readout", default=0.0
    )


class Cooling(Spec):
    """Cooling between bursts of attempts; its fluorescence shows whether the particle is there."""

    duration_s: PositiveSeconds = described("length of one cooling phase")
    every_attempts: PositiveInteger = described("attempts in a burst between two phases")


class Readout(Spec):
    """Measurement of the memory along a linear-polarisation direction."""

    duration_s: Seconds = described("from its start until the outcome is known")
    delay_s: Seconds = described("from the herald's arrival until it starts", default=0.0)
    error_plus: Probability = described("chance that +1 is read as -1", default=0.0)
    error_minus: Probability = described("chance that -1 is read as +1", default=0.0)
    destructive: bool = described("whether the particle is lost with its outcome", default=False)
    outcome_if_lost: Literal[-1, 1] = described("what an empty trap is read as", default=1)


class MemoryNode(Spec):
    """A node with one memory slot.

    The memory's states 0 and 1 are those that a horizontal and a vertical photon leave behind.
    """

    excitation_probability: Probability = described("chance that the pulse makes it emit")
    collection_efficiency: Probability = described(
        "chance that an emitted photon enters the fibre to the station"
    )
    photon_lifetime_s: PositiveSeconds = described("lifetime of the excited state")
    atom_photon_fidelity: Fidelity = described(
        "fidelity of the atom-photon state; what it lacks is white noise"
    )
    memory_levels: Levels = described(
        "levels over which white noise spreads the particle", default=2
    )
    t2_s: PositiveSeconds | None = described(
        "coherence time; no dephasing where it is absent", default=None
    )
    t2_exponent: Exponent = described("n of exp(-(t/T2)^n)", default=2.0)
    dephasing_axis: Axis = described(
        "Bloch axis about which it dephases: z where the memory's own basis goes with horizontal "
        "and vertical photons, y where it goes with circular ones",
        default="z",
    )
    preparation_s: Seconds = described("pumping and electronics before each pulse", default=0.0)
    trap: Trap | None = described("loading and loss; always there if absent", default=None)
    cooling: Cooling | None = described("cooling; none if absent", default=None)
    readout: Readout
    shutter_s: Seconds = described(
        "time to close the shutter towards the channel after a readout", default=0.0
    )

    @field_validator("memory_levels")
    @classmethod
    def _fidelity_above_noise(cls, levels: int, info: ValidationInfo) -> int:
        fidelity = info.data.get("atom_photon_fidelity", 1.0)
        if fidelity < 1 / (2 * levels):
            bound = f"must be {1 / (2 * fidelity):g} or more at this atom_photon_fidelity"
            raise PydanticCustomError("range", "{bound}", {"bound": bound})
        return levels

    @field_validator("cooling")
    @classmethod
    def _losses_show(cls, cooling: Cooling | None, info: ValidationInfo) -> Cooling | None:
        trap = info.data.get("trap")
        if cooling is None and trap is not None and trap.lifetime_s is not None:
            raise PydanticCustomError(
                "missing_cooling", "needed with trap.lifetime_s: its fluorescence shows a loss"
            )
        return cooling

    @property
    def visibility(self) -> float:
        """V of the atom-photon state V |psi><psi| + (1 - V) white noise."""
        return white_noise_visibility(self.atom_photon_fidelity, self.memory_levels)

    @property
    def emission_probability(self) -> float:
        """Chance that an attempt sends a photon into the fibre."""
        return self.excitation_probability * self.collection_efficiency

    @property
    def readout_errors(self) -> tuple[float, float]:
        """(e0, e1) of ``physics.states.measure``."""
        return self.readout.error_plus, self.readout.error_minus

    def aged(self, state: Matrix, qubit: int, age_s: float) -> Matrix:
        """Returns a state whose qubit was stored here for a time in s."""
        coherence = remaining_coherence(age_s, self.t2_s, self.t2_exponent)
        return dephase(state, qubit, coherence, self.dephasing_axis)


class Branch:
    """A joint state of slots as a value that remembers what its measurements lead to.

    A link heralds few distinct states and reads them out at few distinct ages, so each density
    matrix is computed once however many rounds are played.

    Args:
        state: shape (2^n, 2^n), normalised.
        nodes: the hardware that stores each of its qubits.
    """

    __slots__ = ("_next", "nodes", "state")

    def __init__(self, state: Matrix, nodes: tuple[MemoryNode, ...]) -> None:
        self.state = state
        self.nodes = nodes
        self._next: dict[tuple[int, int, float], tuple[float, Branch, Branch]] = {}

    def read(self, qubit: int, age_ps: int, angle_rad: float) -> tuple[float, Branch, Branch]:
        """Returns P(+1) of a readout at an age and angle, and the states after +1 and -1."""
        key = qubit, age_ps, angle_rad
        known = self._next.get(key)
        if known is None:
            node = self.nodes[qubit]
            aged = node.aged(self.state, qubit, units.to_seconds(age_ps))
            observable = polarisation_observable(angle_rad)
            p_plus, plus, minus = measure(aged, qubit, observable, node.readout_errors)
            known = p_plus, Branch(plus, self.nodes), Branch(minus, self.nodes)
            if len(self._next) >= _BRANCHES_KEPT:
                self._next.clear()
            self._next[key] = known
        return known


class JointState:
    """The state of a set of slots that a herald joined; each slot has its own clock."""

    __slots__ = ("_branch",)

    def __init__(self, branch: Branch) -> None:
        self._branch = branch

    def measure(self, qubit: int, age_ps: int, angle_rad: float, uniform: float) -> int:
        """Reads one slot out and leaves the others in the state that the outcome implies."""
        p_plus, plus, minus = self._branch.read(qubit, age_ps, angle_rad)
        self._branch, outcome = (plus, 1) if uniform < p_plus else (minus, -1)
        return outcome


class Slot:
    """One memory slot in time: what its trap holds, and since when its qubit has been stored.

    Attributes:
        name: the slot's name, the node's where it has only one.
        node: the hardware.
        ledger: what the slot spent its time on.
        readout_delay_ps: from the herald's arrival until a readout starts.
        readout_ps: how long one takes.
        loss_ps: when its particle leaves the trap.
        emitted_ps: when its qubit was last made.
    """

    def __init__(self, name: str, node: MemoryNode, timeline: Timeline) -> None:
        self.name = name
        self.node = node
        self.ledger = Ledger(name, timeline)
        self.readout_delay_ps = units.to_ps(node.readout.delay_s)
        self.readout_ps = units.to_ps(node.readout.duration_s)
        self.loss_ps = 0
        self.emitted_ps = 0
        self._joint: tuple[JointState, int] | None = None
        self._timeline = timeline
        self._loading = timeline.streams[f"{name}.trap"]
        self._emission = timeline.streams[f"{name}.emission"]
        self._readout = timeline.streams[f"{name}.readout"]
        self._emission_probability = node.emission_probability

    @property
    def holds_particle(self) -> bool:
        """Whether the trap holds a particle now."""
        return self._timeline.now < self.loss_ps

    def loading_ps(self) -> int:
        """Draws how long the trap takes to catch a particle, in ps."""
        trap = self.node.trap
        if trap is None or trap.loading_mean_s == 0:
            return 0
        return units.to_ps(self._loading.exponential(trap.loading_mean_s))

    def load(self) -> None:
        """Puts a particle into the trap and draws when it will be lost."""
        trap = self.node.trap
        self.loss_ps = units.NEVER_PS
        if trap is not None and trap.lifetime_s is not None:
            lifetime = units.to_ps(self._loading.exponential(trap.lifetime_s))
            self.loss_ps = self._timeline.now + lifetime

    def excite(self) -> None:
        """Sends the excitation pulse: any qubit that was stored is gone, and a new one is."""
        self.emitted_ps = self._timeline.now
        self._joint = None

    def emits(self) -> bool:
        """Draws whether the pulse sent a photon into the fibre."""
        return self.holds_particle and self._emission.uniform() < self._emission_probability

    def join(self, joint: JointState, qubit: int) -> None:
        """Makes the stored qubit part of a joint state."""
        self._joint = joint, qubit

    def measure(self, angle_rad: float) -> int:
        """Reads the qubit out along a linear-polarisation angle; returns +1 or -1."""
        uniform = self._readout.uniform()
        now = self._timeline.now
        if self._joint is None or now >= self.loss_ps:
            return self.node.readout.outcome_if_lost
        joint, qubit = self._joint
        self._joint = None
        return joint.measure(qubit, now - self.emitted_ps, angle_rad, uniform)

    def empty(self) -> None:
        """Removes the particle, as a destructive readout does."""
        self.loss_ps = self._timeline.now
