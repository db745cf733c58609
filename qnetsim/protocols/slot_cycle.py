"""The life of a slot on a link: load, announce, attempt, serve a round, and begin again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import simpy

from qnetsim import units
from qnetsim.arm import Arm
from qnetsim.nodes.activity import Ledger
from qnetsim.nodes.memory import MemoryNode
from qnetsim.nodes.slot import Slot
from qnetsim.protocols.session import Session
from qnetsim.timeline import ProcessGenerator, Timeline


class Herald(NamedTuple):
    """The station's message to a node.

    Attributes:
        number: how many heralds the link had before.
        bell_state: which Bell state the clicks name.
    """

    number: int
    bell_state: str


class User(Protocol):
    """A party's protocol on one slot."""

    def round(self, slot: Slot, herald: Herald) -> ProcessGenerator:
        """Uses the slot's half of a heralded state, from the herald's arrival on."""
        ...


class SlotCycle:
    """One slot's process, and where it stands in it.

    Args:
        arm: the slot's side of the link.
        port: the port of the station that its photons enter, 0 or 1.
        latency_ps: how long a message takes to the station or back.
        user: whom the slot serves.
        timeline: the clock.
        skips: whether failed attempts are skipped, and so drawn together in the trace.
        heard: called with itself and its port once the station knows that it waits.
        served: called with its port after each round.
        number: which of its node's slots it is, from 0.

    Attributes:
        slot: the slot.
        node: the node's name.
        number: which of its slots it is.
        ready: happens when the station hears that the slot holds a particle.
        waiting: whether its particle is there and in no session.
        rounds: how many rounds it has served.
    """

    def __init__(
        self,
        arm: Arm,
        port: int,
        latency_ps: int,
        user: User,
        timeline: Timeline,
        skips: bool,
        heard: Callable[[SlotCycle, int], None],
        served: Callable[[int], None],
        number: int = 0,
    ) -> None:
        name = arm.name if arm.node.slots == 1 else f"{arm.name}.{number}"
        self.slot = Slot(name, arm.node, timeline, arm.name)
        self.node = arm.name
        self.number = number
        self._port = port
        self.ready = timeline.event()
        self.waiting = False
        self.rounds = 0
        self._recovery_ps = _recovery_ps(arm.node)
        self._latency_ps = latency_ps
        self._user = user
        self._timeline = timeline
        self._skips = skips
        self._heard = heard
        self._served = served
        self._session: Session | None = None
        self._fired: Session | None = None
        self._pulses = 0
        self._outcome = timeline.event()
        timeline.process(self._run())

    @property
    def announced(self) -> bool:
        """Whether the station has heard that it waits, and it does."""
        return self.waiting and self.ready.processed

    def enter(self, session: Session) -> None:
        """Takes part in a session."""
        self.waiting = False
        self._session = self._fired = session

    def leave(self, split: tuple[int, int]) -> None:
        """Ends the session after a check: a slot that lost its particle reloads.

        Args:
            split: the session's time of cooling and of attempts, in ps.
        """
        self._cease()
        self._book_session(split)
        if self.slot.holds_particle:
            self.waiting = True
            self._heard(self, self._port)
        else:
            self._reload()

    def pulses(self) -> int:
        """Returns how many pulses the slot has had so far."""
        session = self._fired
        if session is None:
            return self._pulses
        emission = session.timing.emissions[self._port]
        return self._pulses + session.first_attempt_from(emission, self._timeline.now + 1)

    def calibrate(self) -> None:
        """Begins a recalibration, while no session runs."""
        self.waiting = False
        self.slot.ledger.begin("recalibrating")

    def resume(self) -> None:
        """Ends a recalibration."""
        self.slot.ledger.begin("waiting")
        self.waiting = True
        if self.slot.holds_particle:
            self._heard(self, self._port)
        else:
            self._reload()

    def herald(self, herald: Herald, extra_ps: int = 0) -> None:
        """Sends the station's herald to the slot; its particle is spoken for from now on.

        Args:
            herald: the message.
            extra_ps: how much later than the latency it arrives, in ps.
        """
        self._cease()
        self.ready = self._timeline.event()
        delay = self._latency_ps + extra_ps
        self._timeline.trigger(self._outcome, herald, delay)
        if self._timeline.trace:
            now = self._timeline.now
            self._timeline.trace.add(
                self.slot.name, "herald", now, now + delay, number=herald.number
            )

    def activity_ps(self) -> dict[str, int]:
        """Returns the time spent on each activity up to now, in ps."""
        ledger = self.slot.ledger.copy()
        self._book(self._session, ledger)
        ledger.begin("waiting")
        return ledger.spent_ps

    def trace_open(self) -> None:
        """Notes in the trace, if there is one, what is not booked yet, up to now."""
        trace, session, now = self._timeline.trace, self._session, self._timeline.now
        if trace is None:
            return
        name, ledger = self.slot.name, self.slot.ledger
        begun = now if session is None else min(session.start, now)
        if begun > ledger.booked_ps:
            trace.add(name, ledger.activity, ledger.booked_ps, begun)
        if session is not None:
            for phase, start, end in session.spans(now, self._skips):
                trace.add(name, phase, start, end)

    def _run(self) -> ProcessGenerator:
        slot = self.slot
        ledger = slot.ledger
        while True:
            if not slot.holds_particle:
                yield from self._load()
            ledger.begin("waiting")
            self._announce()
            herald = yield self._outcome
            if herald is None:
                continue
            self._book_session()
            ledger.begin("readout")
            yield from self._user.round(slot, herald)
            self.rounds += 1
            self._served(self._port)
            if slot.node.readout.destructive:
                slot.empty()
            for activity, pause in self._recovery_ps:
                ledger.begin(activity)
                yield self._timeline.timeout(pause)

    def _load(self) -> ProcessGenerator:
        self.slot.ledger.begin("loading")
        loading = self.slot.loading_ps()
        if loading:
            yield self._timeline.timeout(loading)
        self.slot.load()
        if self.slot.loss_ps < units.NEVER_PS:
            loss = self._timeline.until(self.slot.loss_ps)
            loss.callbacks.append(self._notice_loss)

    def _announce(self) -> None:
        self._outcome = self._timeline.event()
        self.waiting = True
        self.ready.callbacks.append(lambda _: self._heard(self, self._port))
        self._timeline.trigger(self.ready, None, self._latency_ps)

    def _notice_loss(self, _: simpy.Event) -> None:
        """A waiting slot sees its particle's fluorescence vanish."""
        if self.waiting and not self.slot.holds_particle:
            self._reload()

    def _reload(self) -> None:
        self.waiting = False
        self.ready = self._timeline.event()
        self._timeline.trigger(self._outcome, None, 0)

    def _cease(self) -> None:
        """Ends the pulses of a session: what comes at this instant is none any more."""
        if self._fired is not None:
            self._pulses += self._fired.attempts_before(self._timeline.now)
            self._fired = None

    def _book_session(self, split: tuple[int, int] | None = None) -> None:
        if self._timeline.trace:
            self.trace_open()
        session, self._session = self._session, None
        self._book(session, self.slot.ledger, split)

    def _book(
        self, session: Session | None, ledger: Ledger, split: tuple[int, int] | None = None
    ) -> None:
        """Books a session, which may begin only after a message's time, until now."""
        if session is not None:
            now = self._timeline.now
            ledger.book("waiting", min(session.start, now) - ledger.booked_ps)
            cooling, attempting = split or session.split(now)
            ledger.book("cooling", cooling)
            ledger.book("attempting", attempting)


def _recovery_ps(node: MemoryNode) -> list[tuple[str, int]]:
    """Returns what a slot does after a round, and for how long in ps.

    It closes the shutter and, where the readout was destructive, clears the trap.
    """
    pauses = [("shutter", node.shutter_s)]
    if node.readout.destructive and node.trap:
        pauses.append(("emptying", node.trap.emptying_s))
    return [(activity, units.to_ps(pause)) for activity, pause in pauses if pause]
