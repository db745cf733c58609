"""Runs a protocol on a network and gathers what came of it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any, Protocol, get_args

import simpy

from qnetsim import units
from qnetsim.errors import Fault, InvalidInputError, SimulationError
from qnetsim.keys.sifting import match_rounds
from qnetsim.network import Network
from qnetsim.protocols.diqkd import DIQKD, FRAMES, ChshTerm, KeyPair, PartyProcess
from qnetsim.protocols.finite import finite_faults
from qnetsim.protocols.heralding import HeraldedLink, Resolution
from qnetsim.protocols.heralds import Heralds
from qnetsim.protocols.schedule import schedule_faults
from qnetsim.protocols.slot_cycle import SlotCycle
from qnetsim.result import Result
from qnetsim.spec import LONGEST_RUN_S, shown, suggestion
from qnetsim.timeline import HostedTimeline, Timeline
from qnetsim.trace import Trace

_EQUALLY_OFTEN = 1e-3

Report = Callable[[float, int], bool]
"""Called with the simulated time in s and the heralds so far; returns whether to go on."""


class Simulation:
    """A protocol running on a network.

    Args:
        network: the hardware.
        protocol: what the parties do.
        seed: a non-negative integer; the same one gives the same results.
        resolution: ``herald`` skips the attempts that fail, ``attempt`` plays each; everything
            observable has the same law in both.
        name: what the result calls the run.
        env: a SimPy environment of the caller's to live in; by default an own one. Who runs that
            environment says when it ends: ``max_rounds`` ends only ``run``.
        tick_s: length in s of one unit of that environment's clock.
        trace: where to note what happens.
        max_rounds: stop once so many rounds are complete.

    Raises:
        InvalidInputError: an argument is out of its range, or the protocol does not fit the
            network or its bound.
    """

    def __init__(
        self,
        network: Network,
        protocol: DIQKD,
        seed: int,
        *,
        resolution: Resolution = "herald",
        name: str = "simulation",
        env: simpy.Environment | None = None,
        tick_s: float = 1.0,
        trace: Trace | None = None,
        max_rounds: int | None = None,
    ) -> None:
        faults = [
            *_argument_faults(seed, resolution, tick_s, max_rounds),
            *protocol_faults(protocol, {k: v.nodes for k, v in network.links.items()}),
        ]
        if not faults:
            link = network.links[protocol.link]
            arms, spec = network.arms(protocol.link), network.stations[link.station]
            path = f"links.{protocol.link}"
            faults += schedule_faults(arms, spec, link.multiplexing, path, link.station)
            faults += overlap_faults(protocol, [arm.node.slots for arm in arms])
        if faults:
            raise InvalidInputError(faults)
        self.network = network
        self.protocol = protocol
        self.seed = seed
        self.resolution = resolution
        self.name = name
        self.timeline = (
            Timeline(seed, trace) if env is None else HostedTimeline(seed, env, tick_s, trace)
        )
        self._parties = tuple(
            PartyProcess(party, frame, self.timeline)
            for party, frame in zip(protocol.parties, FRAMES, strict=True)
        )
        first, second = self._parties
        self.link = HeraldedLink(
            network, protocol.link, (first, second), self.timeline, resolution, max_rounds
        )
        self._wall_s = 0.0
        self._complete = True

    def run(self, duration_s: float | None = None, report: Report | None = None) -> Result:
        """Plays the simulation on and returns what came of it so far.

        Args:
            duration_s: for how long, in simulated s from now; ``None`` until ``max_rounds``. No
                run goes beyond 9e6 s, which a result's 64-bit times can still hold.
            report: called now and then; a run that it ends is marked as partial.

        Raises:
            InvalidInputError: the duration is no positive number.
            SimulationError: there is nothing that would end the run, or it would end too late.
        """
        if duration_s is None and self.link.max_rounds is None:
            raise SimulationError("a run needs a duration or a number of rounds to end at")
        until = units.to_ps(LONGEST_RUN_S)
        if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0):
            fault = Fault("duration_s", shown(duration_s), "must be above 0")
            raise InvalidInputError([fault])
        if duration_s is not None:
            until = min(until, self.timeline.now + units.to_ps(duration_s))
            if until - self.timeline.now < units.to_ps(duration_s):
                raise SimulationError(
                    f"duration_s ({duration_s:g}) must end by {LONGEST_RUN_S:g} s, "
                    f"now is {units.to_seconds(self.timeline.now):g} s"
                )
        heralds = self.link.heralds.log.time_ps
        begin = time.perf_counter()
        self._complete = self.timeline.play(
            until, report and (lambda now: report(units.to_seconds(now), len(heralds)))
        )
        self._wall_s += time.perf_counter() - begin
        return self.result()

    def result(self) -> Result:
        """Returns what came of the simulation so far; for runs in the caller's environment."""
        link = self.link
        now_ps = self.timeline.now
        spent, log = link.spent(), link.heralds.log
        sim_time_s = units.to_seconds(now_ps)
        columns = [(p.record.herald, p.record.setting, p.record.outcome) for p in self._parties]
        rounds = match_rounds(columns[0], columns[1])
        if self.timeline.trace:
            self.timeline.trace.about = self._about(len(rounds.herald))
        return Result(
            scenario=self.name,
            seed=self.seed,
            resolution=self.resolution,
            partial=not self._complete,
            sim_time_s=sim_time_s,
            wall_time_s=self._wall_s,
            attempts=spent.attempts,
            attempting_s=units.to_seconds(spent.attempting_ps) / link.schedule.lanes,
            activity_s={cycles[0].node: _mean_activity_s(cycles) for cycles in link.cycles},
            heralds=Heralds.of(log, link.spec.heralds, link.optics.causes, link.heralds.states),
            heralds_missed=log.missed,
            openings=None if link.schedule.is_single else link.openings(),
            rounds=rounds,
            protocol=self.protocol,
            causes=link.optics.causes,
            memory_levels=tuple(arm.node.memory_levels for arm in link.arms),
            network=_as_it_is(self.network),
        )

    def _about(self, rounds: int) -> dict[str, Any]:
        """Returns what a reader of the trace must know to judge its rounds."""
        return {
            "scenario": self.name,
            "seed": self.seed,
            "resolution": self.resolution,
            "sim_time_s": units.to_seconds(self.timeline.now),
            "rounds": rounds,
            "protocol": self.protocol.model_dump(mode="json", exclude_none=True),
            "nodes": {
                arm.name: arm.node.model_dump(mode="json", exclude_none=True)
                for arm in self.link.arms
            },
        }


def _mean_activity_s(cycles: Sequence[SlotCycle]) -> dict[str, float]:
    """Returns the time that a slot of a node spent on each activity, averaged over its slots."""
    spent_ps: Counter[str] = Counter()
    for cycle in cycles:
        spent_ps.update(cycle.activity_ps())
    return {k: units.to_seconds(v) / len(cycles) for k, v in spent_ps.items()}


def _as_it_is(network: Network) -> Network:
    """Returns a network that stays as another is now; their parts never change."""
    kept = Network()
    for table, parts in vars(network).items():
        setattr(kept, table, dict(parts))
    return kept


def simulate(
    network: Network, protocol: DIQKD, *, seed: int, duration_s: float | None = None, **options: Any
) -> Result:
    """Runs a protocol on a network; see ``Simulation`` for the options.

    Args:
        network: the hardware.
        protocol: what the parties do.
        seed: a non-negative integer.
        duration_s: for how long, in simulated s; ``None`` until ``max_rounds``.
        **options: of ``Simulation``.
    """
    return Simulation(network, protocol, seed, **options).run(duration_s)


def protocol_faults(protocol: DIQKD, links: dict[str, list[str]]) -> list[Fault]:
    """Returns what is wrong with a protocol, given the nodes of each link."""
    faults = []
    if protocol.link not in links:
        bound = "no link is called that" + suggestion(protocol.link, links)
        faults.append(Fault("protocol.link", repr(protocol.link), bound))
    else:
        nodes = [party.node for party in protocol.parties]
        if nodes != links[protocol.link]:
            bound = f"must be the nodes of the link in order, {links[protocol.link]}"
            faults.append(Fault("protocol.parties", shown(nodes), bound))
    counts = [len(party.angles_deg) for party in protocol.parties]
    first, second = protocol.parties
    faults += bell_test_faults(
        protocol,
        counts,
        lambda x, y: first.setting_probability(x) * second.setting_probability(y),
        sound=not faults,
    )
    if protocol.finite is not None and not faults:
        faults += finite_faults(protocol.finite, protocol.bound)
    return faults


def overlap_faults(protocol: DIQKD, slots: Sequence[int]) -> Iterator[Fault]:
    """Yields why a finite block's analysis would not hold for rounds that overlap.

    Args:
        protocol: with or without such a block.
        slots: how many either node has.
    """
    if protocol.finite is not None and protocol.bound == "chsh" and min(slots) > 1:
        bound = "holds against general attacks for rounds one after the other; those of several "
        bound += "slots overlap"
        yield Fault("protocol.finite", "", bound)


class TestedKey(Protocol):
    """The settings of a test and a key, and the bound that joins them."""

    @property
    def key_pairs(self) -> list[KeyPair]:
        """The settings (X, Y) whose outcomes are key."""

    @property
    def chsh_terms(self) -> list[ChshTerm]:
        """X, Y and sign of each term of S."""

    @property
    def bound(self) -> str:
        """``chsh``, ``two-basis``, ``sdp`` or ``none``."""


def bell_test_faults(
    protocol: TestedKey,
    counts: Sequence[int],
    chance: Callable[[int, int], float],
    *,
    sound: bool = True,
) -> list[Fault]:
    """Returns what is wrong between a protocol's settings and its bound.

    Args:
        protocol: the settings and the bound.
        counts: how many settings either party has.
        chance: of a pair of settings to be drawn.
        sound: whether all else is right, so that the bound's demands are worth telling.
    """
    faults = []
    settings = [("key_pairs", i, pair) for i, pair in enumerate(protocol.key_pairs)]
    settings += [("chsh_terms", i, term[:2]) for i, term in enumerate(protocol.chsh_terms)]
    for field, index, pair in settings:
        for party, (setting, count) in enumerate(zip(pair, counts, strict=True)):
            if setting >= count:
                bound = f"must be below the {count} settings of party {party}"
                path = f"protocol.{field}.{index}.{party}"
                faults.append(Fault(path, str(setting), bound))
    pairs_wanted = {"chsh": 1, "two-basis": 2, "sdp": 1}.get(protocol.bound)
    if pairs_wanted and len(protocol.key_pairs) != pairs_wanted:
        bound = f"must have {pairs_wanted} for the bound '{protocol.bound}'"
        faults.append(Fault("protocol.key_pairs", shown(protocol.key_pairs), bound))
    return faults or (list(_bound_faults(protocol, chance)) if sound else [])


def _bound_faults(protocol: TestedKey, chance: Callable[[int, int], float]) -> Iterator[Fault]:
    """Yields where the entropy bound would not hold for the settings of test and key."""
    terms, pairs = protocol.chsh_terms, protocol.key_pairs
    tested = [{term[party] for term in terms} for party in (0, 1)]
    if {term[:2] for term in terms} != set(product(*tested)) or [len(t) for t in tested] != [2, 2]:
        bound = "must pair each of two settings X with each of two settings Y, once"
        yield Fault("protocol.chsh_terms", shown(terms), bound)
        return
    if math.prod(term[2] for term in terms) != -1:
        bound = "must have one or three negative signs, or S is no Bell test"
        yield Fault("protocol.chsh_terms", shown(terms), bound)
    keyed = [{pair[party] for pair in pairs} for party in (0, 1)]
    if protocol.bound in ("chsh", "sdp"):
        certified = any(keyed[party] <= tested[party] for party in (0, 1))
    else:
        certified = any(keyed[party] == tested[party] for party in (0, 1))
    if not certified and protocol.bound != "none":
        bound = "must hold, for one party, settings of its CHSH test" + (
            ": both of them" if protocol.bound == "two-basis" else ""
        )
        yield Fault("protocol.key_pairs", shown(pairs), bound)
    chances = [chance(x, y) for x, y in pairs]
    if max(chances) - min(chances) > _EQUALLY_OFTEN * max(chances):
        bound = f"must be drawn equally often, to {_EQUALLY_OFTEN:g}: their chances are "
        bound += ", ".join(f"{value:g}" for value in chances)
        yield Fault("protocol.key_pairs", shown(pairs), bound)


def _argument_faults(
    seed: object, resolution: object, tick_s: float, max_rounds: object
) -> Iterator[Fault]:
    if not isinstance(seed, int) or seed < 0:
        yield Fault("seed", shown(seed), "must be a whole number, 0 or more")
    if resolution not in get_args(Resolution):
        yield Fault("resolution", shown(resolution), "must be 'herald' or 'attempt'")
    if not (math.isfinite(tick_s) and tick_s > 0):
        yield Fault("tick_s", shown(tick_s), "must be above 0")
    if max_rounds is not None and (not isinstance(max_rounds, int) or max_rounds < 1):
        yield Fault("max_rounds", shown(max_rounds), "must be a whole number, 1 or more")
