"""Memory slots in time, and the joint states of the qubits that they hold."""

from __future__ import annotations

from collections.abc import Callable

from qnetsim import units
from qnetsim.nodes.activity import Ledger
from qnetsim.nodes.memory import MemoryNode
from qnetsim.physics.states import Matrix, measure, polarisation_observable
from qnetsim.timeline import Timeline

_BRANCHES_KEPT = 1024


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
        self._next: dict[tuple[int, int, float, int], tuple[float, Branch, Branch]] = {}

    def read(
        self, qubit: int, age_ps: int, angle_rad: float, disturbances: int = 0
    ) -> tuple[float, Branch, Branch]:
        """Returns P(+1) of a readout at an age and angle, and the states after +1 and -1.

        Args:
            qubit: which one is read.
            age_ps: how long it was stored, in ps.
            angle_rad: the linear-polarisation angle.
            disturbances: pulses on neighbouring slots meanwhile.
        """
        key = qubit, age_ps, angle_rad, disturbances
        known = self._next.get(key)
        if known is None:
            node = self.nodes[qubit]
            undisturbed = node.undisturbed(disturbances)
            aged = node.aged(self.state, qubit, units.to_seconds(age_ps), undisturbed)
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

    def measure(
        self, qubit: int, age_ps: int, angle_rad: float, disturbances: int, uniform: float
    ) -> int:
        """Reads one slot out and leaves the others in the state that the outcome implies."""
        p_plus, plus, minus = self._branch.read(qubit, age_ps, angle_rad, disturbances)
        self._branch, outcome = (plus, 1) if uniform < p_plus else (minus, -1)
        return outcome


class Slot:
    """One memory slot in time: what its trap holds, and since when its qubit has been stored.

    Args:
        name: the slot's name, the node's where it has only one.
        node: the hardware.
        timeline: the clock.
        owner: the node's name, under which all its slots draw.

    Attributes:
        name: the slot's name.
        node: the hardware.
        ledger: what the slot spent its time on.
        readout_delay_ps: from the herald's arrival until a readout starts.
        readout_ps: how long one takes.
        loss_ps: when its particle leaves the trap.
        emitted_ps: when its qubit was last made.
        disturbances: counts the pulses on its neighbours so far; none where it is absent.
    """

    def __init__(
        self, name: str, node: MemoryNode, timeline: Timeline, owner: str | None = None
    ) -> None:
        self.name = name
        self.node = node
        self.ledger = Ledger(name, timeline)
        self.readout_delay_ps = units.to_ps(node.readout.delay_s)
        self.readout_ps = units.to_ps(node.readout.duration_s)
        self.loss_ps = 0
        self.emitted_ps = 0
        self._joint: tuple[JointState, int] | None = None
        self._timeline = timeline
        self.disturbances: Callable[[], int] | None = None
        self._disturbed = 0
        self._loading = timeline.streams[f"{owner or name}.trap"]
        self._readout = timeline.streams[f"{owner or name}.readout"]

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
        if self.disturbances is not None:
            self._disturbed = self.disturbances()

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
        pulses = 0 if self.disturbances is None else self.disturbances() - self._disturbed
        return joint.measure(qubit, now - self.emitted_ps, angle_rad, pulses, uniform)

    def empty(self) -> None:
        """Removes the particle, as a destructive readout does."""
        self.loss_ps = self._timeline.now
