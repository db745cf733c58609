"""What a slot spends its time on."""

from __future__ import annotations

from collections import Counter

from qnetsim.timeline import Timeline

ACTIVITIES: tuple[str, ...] = (
    "loading",
    "waiting",
    "cooling",
    "attempting",
    "readout",
    "shutter",
    "emptying",
    "recalibrating",
)


class Ledger:
    """Books the time of a slot on activities, in ps.

    Args:
        track: whose time it is, and its track in the trace.
        timeline: the clock.
        traced: whether the trace, if there is one, shows the activities.

    Attributes:
        spent_ps: the time booked on each activity.
        booked_ps: until when the books go.
        activity: what has gone on since.
    """

    def __init__(self, track: str, timeline: Timeline, traced: bool = True) -> None:
        self.spent_ps: Counter[str] = Counter()
        self.booked_ps = timeline.now
        self.activity = "waiting"
        self._track = track
        self._timeline = timeline
        self._trace = timeline.trace if traced else None

    def copy(self) -> Ledger:
        """Returns books of their own that say the same, without a trace."""
        twin = Ledger(self._track, self._timeline, traced=False)
        twin.spent_ps = self.spent_ps.copy()
        twin.booked_ps = self.booked_ps
        twin.activity = self.activity
        return twin

    def begin(self, activity: str) -> None:
        """Ends the present activity now and begins another."""
        now = self._timeline.now
        booked = self.booked_ps
        if now > booked:
            if self._trace:
                self._trace.add(self._track, self.activity, booked, now)
            self.spent_ps[self.activity] += now - booked
            self.booked_ps = now
        self.activity = activity

    def book(self, activity: str, duration_ps: int) -> None:
        """Books a duration, in ps, from where the books end."""
        if duration_ps > 0:
            self.spent_ps[activity] += duration_ps
            self.booked_ps += duration_ps
