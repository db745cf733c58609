"""The assumptions behind a key that a trace can show to hold, round by round.

Times are whole ns, rounded down when the trace was written. An order that rounding cannot undo is
taken from them as it stands; where a duration must stay below a bound, 1 ns is added to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from qnetsim.audit.recording import About, Interval, Node, Protocol, Recording, Track
from qnetsim.protocols.diqkd import Isolation
from qnetsim.units import SPEED_OF_LIGHT_M_PER_S

_NS_PER_S = 1e9
_ROUNDING_NS = 1


class Verdict(StrEnum):
    """What an audit says of an assumption, from the best to the worst."""

    HOLDS = "holds"
    ASSUMED = "assumed"
    NOT_STATED = "not stated"
    NOT_RECORDED = "not recorded"
    VIOLATED = "violated"

    @property
    def passes(self) -> bool:
        """Whether the assumption holds, or the scenario says that it is one."""
        return self in (Verdict.HOLDS, Verdict.ASSUMED)


class Finding(NamedTuple):
    """A verdict and the reason for it."""

    verdict: Verdict
    why: str


class Check(NamedTuple):
    """What is checked in each round, and of which party (empty where of both together)."""

    name: str
    party: str


class Round(NamedTuple):
    """A round under audit.

    Attributes:
        number: of its herald.
        time_s: when the station heralded, in s; ``None`` where no herald of it is recorded.
        findings: what came of each check.
    """

    number: int
    time_s: float | None
    findings: dict[Check, Finding]


class Auditor:
    """Checks the rounds of a recording, one after another.

    Args:
        recording: what a trace file holds.

    Attributes:
        parties: whose rounds they are; whoever heard heralds where the trace does not say.
        numbers: the heralds of the rounds, in order; a round under way when a run ended is none.
        missing: how many rounds the trace says there were of which it holds no event.
    """

    def __init__(self, recording: Recording) -> None:
        about, tracks = recording
        self._about = about
        protocol = about.protocol
        self._isolation = (protocol.isolation if protocol else None) or Isolation()
        self.parties = (
            [party.node for party in protocol.parties]
            if protocol and protocol.parties
            else [name for name, track in tracks.items() if track.heralds]
        )
        self._tracks = [tracks.get(party, Track()) for party in self.parties]
        seen = {number for track in self._tracks for number in _numbers(track)}
        if about.rounds is not None:
            seen = {n for n in seen if n < about.rounds or self._complete(n)}
        self.numbers = sorted(seen)
        self.missing = max(0, (about.rounds or 0) - len(seen))

    def rounds(self) -> Iterator[Round]:
        """Yields each round with what was found."""
        for number in self.numbers:
            sent = [track.heralds[number] for track in self._tracks if number in track.heralds]
            time_s = min(herald.start for herald in sent) / _NS_PER_S if sent else None
            yield Round(number, time_s, dict(self._findings(number)))

    def checks(self) -> list[Check]:
        """Returns what is checked in each round."""
        each = ("setting_after_herald", "shutter_closed", "trap_emptied")
        return [
            Check("space_like_separation", ""),
            *(Check(name, party) for name in each for party in self.parties),
        ]

    def of_the_run(self) -> dict[str, Finding]:
        """Returns what was found of the run as a whole."""
        return {"rounds_recorded": self._recorded(), "leak_allowance": self._leak()}

    def _complete(self, number: int) -> bool:
        return all(number in track.instants["outcome"] for track in self._tracks)

    def _findings(self, number: int) -> Iterator[tuple[Check, Finding]]:
        yield Check("space_like_separation", ""), self._separation(number)
        last = self._about.sim_time_s is not None and number == self.numbers[-1]
        for party, track in zip(self.parties, self._tracks, strict=True):
            node = self._about.nodes.get(party)
            yield Check("setting_after_herald", party), _setting(track, number)
            for check, activity in (("shutter_closed", "shutter"), ("trap_emptied", "emptying")):
                finding = _isolated(track, number, last, activity, node, self._isolation)
                yield Check(check, party), finding

    def _separation(self, number: int) -> Finding:
        """Compares how long the later outcome takes with what light takes from side to side.

        Alice's choice cannot have reached Bob if his outcome is known before light from her choice
        arrives, and the other way round.
        """
        choices = [track.instants["choice"].get(number) for track in self._tracks]
        outcomes = [track.instants["outcome"].get(number) for track in self._tracks]
        known = [time for time in (*choices, *outcomes) if time is not None]
        if len(known) != 4:
            return Finding(Verdict.NOT_RECORDED, "a choice or an outcome is not recorded")
        alice, bob, alice_ends, bob_ends = known
        took = max(bob_ends - alice, alice_ends - bob) + _ROUNDING_NS
        assumed, distance_m = self._isolation.instead_of_separation, self._isolation.distance_m
        if distance_m is None:
            why = f"the distance is not stated; {_shown(took)} from a choice to the other outcome"
        else:
            light = distance_m / SPEED_OF_LIGHT_M_PER_S * _NS_PER_S
            why = f"{_shown(took)} from a choice to the other outcome, light takes {_shown(light)}"
            if took < light:
                return Finding(Verdict.HOLDS, why)
        unmet = Verdict.NOT_STATED if distance_m is None else Verdict.VIOLATED
        return _instead(assumed, unmet, why)

    def _recorded(self) -> Finding:
        stated = self._about.rounds
        if stated is None:
            return Finding(Verdict.NOT_RECORDED, "how many rounds there were is not recorded")
        held = len(self.numbers)
        why = f"{stated} rounds are stated, {held} are in the trace"
        if not stated:
            return Finding(Verdict.NOT_RECORDED, "there is no complete round")
        return Finding(Verdict.HOLDS if held == stated else Verdict.NOT_RECORDED, why)

    def _leak(self) -> Finding:
        if self._about.protocol is None:
            return Finding(Verdict.NOT_RECORDED, "the protocol is not recorded")
        leak_bits = self._isolation.leak_bits_per_round
        if leak_bits is None:
            return Finding(Verdict.NOT_STATED, "no allowance is stated, nothing is deducted")
        if not leak_bits:
            return Finding(Verdict.ASSUMED, "nothing leaks; nothing is deducted")
        why = f"no more leaks than {leak_bits:g} bits a round, which are deducted from the key"
        return Finding(Verdict.ASSUMED, why)


def findings_on_pulses(about: About, protocol: Protocol) -> dict[Check, Finding]:
    """Returns what holds of every round of an all-photonic link, whose pulses have no times."""
    isolation = protocol.isolation or Isolation()
    drawn = Finding(Verdict.HOLDS, "they are drawn for each round")
    if protocol.settings == "in-turn":
        why = "they are played in turn, and can be foreseen"
        drawn = _instead(isolation.instead_of_random_settings, Verdict.VIOLATED, why)
    timeless = "pulses are not followed in time"
    separated = isolation.instead_of_separation
    findings = {
        Check("space_like_separation", ""): _instead(separated, Verdict.NOT_RECORDED, timeless),
        Check("settings_at_random", ""): drawn,
    }
    if about.heralded:
        after = Finding(Verdict.NOT_RECORDED, timeless)
        findings[Check("setting_after_herald", "")] = after
    return findings


def _numbers(track: Track) -> set[int]:
    return set(track.heralds).union(*track.instants.values())


def _setting(track: Track, number: int) -> Finding:
    """Says whether a setting was drawn once the herald was heard, and before its outcome."""
    herald = track.heralds.get(number)
    drawn, known = (track.instants[name].get(number) for name in ("choice", "outcome"))
    if herald is None or drawn is None or known is None:
        named = {"herald": herald, "choice": drawn, "outcome": known}
        lacking = " and ".join(name for name, time in named.items() if time is None)
        return Finding(Verdict.NOT_RECORDED, f"its {lacking} is not recorded")
    if drawn < herald.end:
        early = _shown(herald.end - drawn)
        return Finding(Verdict.VIOLATED, f"drawn {early} before the herald was heard")
    if known < drawn:
        return Finding(Verdict.VIOLATED, f"drawn {_shown(drawn - known)} after its outcome")
    return Finding(Verdict.HOLDS, f"drawn {_shown(drawn - herald.end)} after the herald was heard")


def _isolated(
    track: Track, number: int, last: bool, activity: str, node: Node | None, isolation: Isolation
) -> Finding:
    """Says whether a node closed its shutter, or cleared its trap, before it reopened."""
    herald, outcome = track.heralds.get(number), track.instants["outcome"].get(number)
    if node is None or herald is None or outcome is None:
        missing = "the node's description" if node is None else "its herald or outcome"
        return Finding(Verdict.NOT_RECORDED, f"{missing} is not recorded")
    if activity == "shutter":
        needed_s, lacks, assumed = node.shutter_s, "has no shutter", isolation.instead_of_shutter
    else:
        lacks, assumed = "does not clear its trap", isolation.instead_of_emptying
        needed_s = node.emptying_s
    if not needed_s:
        return _instead(assumed, Verdict.VIOLATED, f"the node {lacks}")
    place = bisect_left(track.openings, herald.end)
    if place < len(track.openings):
        done = _first_after(track.spans[activity], outcome)
        return _in_time(done, track.openings[place], needed_s, activity)
    if last:
        return Finding(Verdict.HOLDS, "the node did not reopen before the run ended")
    return Finding(Verdict.NOT_RECORDED, "what the node did next is not recorded")


def _first_after(spans: list[Interval], time: int) -> Interval | None:
    place = bisect_left(spans, Interval(time, time))
    return spans[place] if place < len(spans) else None


def _in_time(done: Interval | None, reopened: int, needed_s: float, activity: str) -> Finding:
    """Says whether an activity was over, and long enough, when a node reopened."""
    if done is None or done.start >= reopened:
        return Finding(Verdict.VIOLATED, f"the node reopened, with no {activity} since its outcome")
    if done.end > reopened:
        early = _shown(done.end - reopened)
        return Finding(Verdict.VIOLATED, f"the node reopened {early} before {activity} was over")
    took = done.end - done.start
    if took + _ROUNDING_NS < needed_s * _NS_PER_S:
        needed = _shown(needed_s * _NS_PER_S)
        return Finding(Verdict.VIOLATED, f"{activity} took {_shown(took)}, it needs {needed}")
    return Finding(Verdict.HOLDS, f"over {_shown(reopened - done.end)} before the node reopened")


def _instead(assumed: str | None, unmet: Verdict, why: str) -> Finding:
    """Returns what is assumed instead, or that nothing is."""
    if assumed is None:
        return Finding(unmet, f"{why}; nothing is assumed instead")
    return Finding(Verdict.ASSUMED, f"{why}; assumed instead: {assumed}")


def _shown(time_ns: float) -> str:
    """Returns a duration in ns in the unit that suits it."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if time_ns >= size:
            return f"{time_ns / size:.4g} {unit}"
    return f"{time_ns:.4g} ns"
