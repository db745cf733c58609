"""Scenario files of all-photonic links: TOML <-> validated models -> runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

from pydantic import ValidationError, model_validator
from pydantic_core import PydanticCustomError

from qnetsim.budget import Budget, Yield
from qnetsim.certified import certificate_faults, read_certificate, statistics_of
from qnetsim.channels.fibre import Fibre
from qnetsim.errors import Fault, InvalidInputError
from qnetsim.nodes.detector import Detector
from qnetsim.nodes.photonic import Pairs, PairSource, PhotonUser
from qnetsim.photonic_budget import expected, photonic_budget, yield_of
from qnetsim.photonic_result import PhotonicResult
from qnetsim.protocols.diqkd import Isolation
from qnetsim.protocols.pulse_law import PulseLaw
from qnetsim.protocols.pulsed import PulsedDIQKD, PulsedLink, pulse_law
from qnetsim.protocols.pulses import Plan, Resolution, Tally, play
from qnetsim.rng import Streams
from qnetsim.scenario_file import FromFile, Head, RunSeconds
from qnetsim.security.npa.certificate import Certificate
from qnetsim.security.semidefinite import Observed
from qnetsim.simulation import Report, bell_test_faults
from qnetsim.spec import (
    LONGEST_RUN_S,
    PositiveInteger,
    Spec,
    described,
    faults_of,
    shown,
)
from qnetsim.trace import Trace

MARK = "pair_source"
"""The table that only files of photonic links have."""

_CHANGES = (
    "drift_db_per_hour",
    "rotation_deg",
    "rotation_jitter_deg",
    "rotation_drift_deg_per_hour",
)
_MOST_MEAN_PAIRS = 0.5
"""Where something heralds: twenty pairs then have to be followed."""


class PulsedRun(Spec):
    """How many pulses to play, and how finely."""

    duration_s: RunSeconds | None = described("simulated time", default=None)
    max_rounds: PositiveInteger | None = described("stop after so many rounds", default=None)
    rounds_per_setting: PositiveInteger | None = described(
        "rounds for each pair of settings, where they are played in turn", default=None
    )
    resolution: Resolution = described(
        "with a herald: skip the pulses that fail, or draw each; without: draw how often each "
        "outcome came, or each round"
    )

    @model_validator(mode="after")
    def _ends(self) -> Self:
        ends = (self.duration_s, self.max_rounds, self.rounds_per_setting)
        if all(end is None for end in ends):
            bound = "needs a duration_s, max_rounds or rounds_per_setting to end at"
            raise PydanticCustomError("endless", "{bound}", {"bound": bound})
        return self


class Fibres(Spec):
    """The fibres of a photonic link; its classical messages are not followed in time."""

    alice: Fibre = described("from the pair source to Alice, or to the herald in front of her")
    bob: Fibre = described("from the pair source to Bob, or to the herald in front of him")
    alice_relay: Fibre | None = described(
        "from the source of Alice's relay to its station; absent where they stand side by side",
        default=None,
    )
    bob_relay: Fibre | None = described("the same for Bob's", default=None)


class PhotonicModel(Head):
    """A scenario file of an all-photonic link."""

    run: PulsedRun
    pair_source: PairSource
    alice: PhotonUser
    bob: PhotonUser
    fibres: Fibres
    protocol: PulsedDIQKD

    @property
    def users(self) -> dict[str, PhotonUser]:
        """Alice and Bob by the names of their tables."""
        return {"alice": self.alice, "bob": self.bob}


class PhotonicScenario(FromFile[PhotonicModel]):
    """A validated scenario of an all-photonic link, ready to run.

    Args:
        data: the parsed file.
        source: what messages call it.

    Raises:
        InvalidInputError: something is wrong with it; lists every fault.
    """

    describes = PhotonicModel
    counted = "rounds"
    """What its progress counts."""

    def __init__(self, data: Mapping[str, Any], source: str = "") -> None:
        try:
            self.model = PhotonicModel.model_validate(data)
        except ValidationError as error:
            faults = faults_of(error, PhotonicModel)
        else:
            faults = list(_faults(self.model))
        if faults:
            raise InvalidInputError(dict.fromkeys(faults), source)

    def link(self) -> PulsedLink:
        """Returns the hardware."""
        fibres = self.model.fibres
        return PulsedLink(
            self.model.pair_source,
            (self.model.alice, self.model.bob),
            (fibres.alice, fibres.bob),
            (fibres.alice_relay, fibres.bob_relay),
        )

    @cached_property
    def certificate(self) -> Certificate | None:
        """What proves the protocol's bound, where it is 'sdp'."""
        protocol = self.model.protocol
        if protocol.bound != "sdp" or protocol.certificate is None:
            return None
        return read_certificate(protocol.certificate)

    def statistics(self) -> Observed:
        """Returns what its users see, in closed form, and how they make their raw key.

        Raises:
            ValueError: there never is a round, or post-selection drops all.
        """
        no_click = (self.model.alice.no_click, self.model.bob.no_click)
        return statistics_of(self.law(), self.model.protocol, no_click)

    def law(self) -> PulseLaw:
        """Returns the law of one pulse."""
        return pulse_law(self.link())

    def expected(self) -> Yield:
        """Returns what the link and its protocol yield in closed form."""
        return yield_of(self.link(), self.model.protocol, self.certificate)

    def budget(self) -> Budget:
        """Returns the photon budget of the link."""
        return photonic_budget(self.model.name, self.link(), self.model.protocol, self.certificate)

    @property
    def plan(self) -> Plan:
        """What a run plays."""
        run, rate_hz = self.model.run, self.model.pair_source.pulse_rate_hz
        pulses = max(1, round((run.duration_s or LONGEST_RUN_S) * rate_hz))
        if run.rounds_per_setting:
            cells = math.prod(len(user.angles_deg) for user in self.model.users.values())
            return Plan(
                run.resolution, cells * run.rounds_per_setting, None, run.rounds_per_setting
            )
        if self.link().heralded:
            return Plan(run.resolution, pulses, run.max_rounds)
        return Plan(run.resolution, min(pulses, run.max_rounds or pulses))

    @property
    def ends(self) -> tuple[float | None, int | None]:
        """At what simulated time, in s, and after how many rounds a run ends, as far as set."""
        plan = self.plan
        run = self.model.run
        return run.duration_s, run.max_rounds or (plan.pulses if plan.block else None)

    def run(
        self, seed: int, trace: Trace | None = None, report: Report | None = None
    ) -> PhotonicResult:
        """Simulates the scenario.

        Args:
            seed: a non-negative integer.
            trace: where to note what was run; pulses have nothing to show in time.
            report: called with the simulated time in s and the rounds so far; returns whether to
                go on. A run that it ends is marked as partial.

        Raises:
            InvalidInputError: an argument is wrong.
        """
        if not isinstance(seed, int) or seed < 0:
            raise InvalidInputError(
                [Fault("seed", shown(seed), "must be a whole number, 0 or more")]
            )
        plan = self.plan
        closed_form = self._closed_form
        rate_hz = closed_form.pulse_rate_hz
        begin = time.perf_counter()
        tally = play(
            closed_form.law,
            plan,
            Streams(seed),
            report and (lambda n, rounds: report(n / rate_hz, rounds)),
        )
        if trace is not None:
            trace.about = self._about(seed, tally)
        return replace(
            closed_form,
            seed=seed,
            resolution=plan.resolution,
            partial=not tally.complete,
            pulses=tally.pulses,
            wall_time_s=time.perf_counter() - begin,
            counts=tally.counts,
            published=self.published(),
        )

    @cached_property
    def _closed_form(self) -> PhotonicResult:
        """The result of a run without a pulse, whose law every run plays."""
        return expected(self.link(), self.model.protocol, self.model.name, self.certificate)

    def _about(self, seed: int, tally: Tally) -> dict[str, Any]:
        """Returns what a reader of the trace must know to judge its rounds."""
        return {
            "scenario": self.model.name,
            "seed": seed,
            "resolution": self.model.run.resolution,
            "sim_time_s": tally.pulses / self.model.pair_source.pulse_rate_hz,
            "rounds": int(tally.counts.sum()),
            "heralded": self.link().heralded,
            "protocol": self.model.protocol.model_dump(
                mode="json", exclude_none=True, exclude={"certificate"}
            ),
        }


# --- what does not fit together ------------------------------------------------------------------


def _faults(model: PhotonicModel) -> Iterator[Fault]:
    yield from _run_faults(model)
    yield from _protocol_faults(model)
    yield from _fibre_faults(model)
    for name, user in model.users.items():
        yield from _detector_faults(f"{name}.detector", user.detector, user.window_s, model)
        if user.detector.number_resolving:
            bound = "must be false: a user's detectors are read as clicks"
            yield Fault(f"{name}.detector.number_resolving", "true", bound)
        if user.active_relay:
            path, station = f"{name}.relay.station", user.active_relay.station
            yield from _detector_faults(
                f"{path}.detector", station.detector, station.window_s, model
            )
            if isinstance(user.active_relay.local, Pairs):
                yield from _pair_faults(f"{name}.relay.pairs", user.active_relay.local)
    if _heralded(model):
        yield from _pair_faults("pair_source", model.pair_source)
        yield from _shared_pair_faults(model.pair_source)


def _heralded(model: PhotonicModel) -> bool:
    return any(user.herald != "none" for user in model.users.values())


def _run_faults(model: PhotonicModel) -> Iterator[Fault]:
    run, heralded = model.run, _heralded(model)
    in_turn = model.protocol.settings == "in-turn"
    kinds = ("herald", "attempt") if heralded else ("counts", "rounds")
    if run.resolution not in kinds:
        bound = f"must be one of '{kinds[0]}' or '{kinds[1]}' where "
        bound += "something heralds" if heralded else "nothing heralds"
        yield Fault("run.resolution", shown(run.resolution), bound)
    if in_turn and heralded:
        bound = "must be 'drawn' where something heralds"
        yield Fault("protocol.settings", "'in-turn'", bound)
    elif in_turn != (run.rounds_per_setting is not None):
        bound = "is needed" if in_turn else "has a meaning only"
        yield Fault("run.rounds_per_setting", "", bound + " where settings are played in turn")
    elif in_turn and (run.duration_s or run.max_rounds):
        yield Fault("run", "", "ends with its rounds_per_setting: it has no other end")
    if run.rounds_per_setting or run.duration_s is None:
        return
    if run.duration_s * model.pair_source.pulse_rate_hz < 1:
        yield Fault("run.duration_s", shown(run.duration_s), "must hold a pulse at least")


def _protocol_faults(model: PhotonicModel) -> Iterator[Fault]:
    protocol = model.protocol
    counts = (len(model.alice.angles_deg), len(model.bob.angles_deg))
    faults = bell_test_faults(protocol, counts, lambda *_: 1 / math.prod(counts))
    yield from faults
    if not faults:
        no_click = (model.alice.no_click, model.bob.no_click)
        yield from certificate_faults(protocol, counts, no_click)
    if protocol.bound == "none":
        return
    isolation = protocol.isolation or Isolation()
    if protocol.settings == "in-turn" and isolation.instead_of_random_settings is None:
        bound = "must be 'none' where settings are played in turn: they can be foreseen; or "
        bound += "protocol.isolation.instead_of_random_settings says what is assumed"
        yield Fault("protocol.bound", shown(protocol.bound), bound)
    if protocol.bound == "sdp":
        return
    if protocol.keep_no_click < 1 or protocol.flip_probability > 0:
        bound = "must be 'sdp' or 'none' with keep_no_click below 1 or a flip_probability"
        yield Fault("protocol.bound", shown(protocol.bound), bound)


def _fibre_faults(model: PhotonicModel) -> Iterator[Fault]:
    for name, fibre in model.fibres:
        if fibre is None:
            continue
        path = f"fibres.{name}"
        for key in _CHANGES:
            if value := getattr(fibre, key):
                yield Fault(f"{path}.{key}", shown(value), "must be 0 in a photonic link")
        try:
            fibre.losses(model.pair_source.wavelength_m)
        except ValueError as error:
            yield Fault(
                "pair_source.wavelength_m", shown(model.pair_source.wavelength_m), f"{error}"
            )


def _detector_faults(
    path: str, detector: Detector, window_s: float, model: PhotonicModel
) -> Iterator[Fault]:
    period_s = 1 / model.pair_source.pulse_rate_hz
    if detector.dead_time_s > period_s:
        bound = f"must be at most the time between pulses, {period_s:g}"
        yield Fault(f"{path}.dead_time_s", shown(detector.dead_time_s), bound)
    if detector.jitter_s:
        bound = "must be 0: what the window loses belongs to the efficiency"
        yield Fault(f"{path}.jitter_s", shown(detector.jitter_s), bound)
    if detector.afterpulse_probability:
        bound = "must be 0: pulses are independent of each other"
        yield Fault(f"{path}.afterpulse_probability", shown(detector.afterpulse_probability), bound)
    if window_s > period_s:
        parent = path.rpartition(".")[0]
        bound = f"must be at most the time between pulses, {period_s:g}"
        yield Fault(f"{parent}.window_s", shown(window_s), bound)


def _pair_faults(path: str, pairs: Pairs) -> Iterator[Fault]:
    if pairs.statistics == "poisson":
        bound = "must be 'thermal' or 'single' where something heralds: pairs must share one mode"
        yield Fault(f"{path}.statistics", "'poisson'", bound)
    elif pairs.statistics == "thermal" and pairs.mean_pairs > _MOST_MEAN_PAIRS:
        bound = f"must lie in [0, {_MOST_MEAN_PAIRS:g}] where something heralds"
        yield Fault(f"{path}.mean_pairs", shown(pairs.mean_pairs), bound)


def _shared_pair_faults(source: PairSource) -> Iterator[Fault]:
    if source.modes != 1:
        bound = "must be 1 where something heralds"
        yield Fault("pair_source.modes", shown(source.modes), bound)
