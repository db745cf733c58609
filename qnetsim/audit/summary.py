"""An audit as a whole: how often each assumption held, and where it first did not."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from qnetsim.audit.checks import Auditor, Check, Finding, Round, Verdict, findings_on_pulses
from qnetsim.audit.recording import About, read_recording
from qnetsim.display import Section

_FIRST = 3


@dataclass
class Tally:
    """How often each verdict was given on a check.

    Attributes:
        counts: rounds by verdict.
        first: the first few rounds of each verdict, with what was found of them.
    """

    counts: Counter[Verdict] = field(default_factory=Counter)
    first: dict[Verdict, list[tuple[Round, Finding]]] = field(default_factory=dict)

    def add(self, each: Round, finding: Finding) -> None:
        """Counts what was found of a round."""
        self.counts[finding.verdict] += 1
        first = self.first.setdefault(finding.verdict, [])
        if len(first) < _FIRST:
            first.append((each, finding))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict; what no round shows is not recorded."""
        return _worst(verdict for verdict, count in self.counts.items() if count)

    @property
    def assumed(self) -> str | None:
        """What the first round found to rest on an assumption says of it."""
        first = self.first.get(Verdict.ASSUMED)
        return first[0][1].why if first else None

    def failures(self) -> list[tuple[Round, Finding]]:
        """Returns the first rounds of each verdict that does not pass, in order of time."""
        found = [
            item for verdict, items in self.first.items() if not verdict.passes for item in items
        ]
        return sorted(found, key=lambda item: item[0].number)


@dataclass
class Audit:
    """What an audit of a trace found.

    Attributes:
        about: what the trace says of its run.
        rounds: how many rounds were audited or are missing.
        checks: how often each verdict was given on each check of a round.
        of_the_run: findings on the run as a whole.
        each_round: every round, where they were asked for.
    """

    about: About
    rounds: int
    checks: dict[Check, Tally]
    of_the_run: dict[str, Finding]
    each_round: list[Round]

    @property
    def verdict(self) -> Verdict:
        """The worst of all verdicts."""
        verdicts = [tally.verdict for tally in self.checks.values()]
        return _worst([*verdicts, *(finding.verdict for finding in self.of_the_run.values())])

    def summary(self) -> dict[str, Any]:
        """Returns the findings under the documented keys of ``qnetsim audit --json``."""
        protocol = self.about.protocol
        isolation = protocol.isolation if protocol else None
        found: dict[str, Any] = {
            "scenario": self.about.scenario,
            "seed": self.about.seed,
            "rounds": self.rounds,
            "verdict": self.verdict,
            "leak_bits_per_round": isolation.leak_bits_per_round if isolation else None,
            "distance_m": isolation.distance_m if isolation else None,
            "of_the_run": {name: f._asdict() for name, f in self.of_the_run.items()},
            "checks": [
                {
                    **check._asdict(),
                    "verdict": tally.verdict,
                    "rounds": {verdict.value: tally.counts[verdict] for verdict in Verdict},
                    "assumed": tally.assumed,
                    "first": [
                        {"round": each.number, "time_s": each.time_s, **finding._asdict()}
                        for each, finding in tally.failures()
                    ],
                }
                for check, tally in self.checks.items()
            ],
        }
        if self.each_round:
            found["each_round"] = [
                {
                    "round": each.number,
                    "time_s": each.time_s,
                    "findings": [
                        {**check._asdict(), **finding._asdict()}
                        for check, finding in each.findings.items()
                    ],
                }
                for each in self.each_round
            ]
        return found

    def sections(self) -> list[Section]:
        """Returns the tables that a terminal shows."""
        return [
            self._counts(),
            Section(
                "of the run",
                ("assumption", "verdict", "why"),
                [(_label(k, ""), f.verdict, f.why) for k, f in self.of_the_run.items()],
            ),
            Section(
                "first rounds for which an assumption does not hold",
                ("assumption", "round", "time (s)", "verdict", "why"),
                [
                    (_label(*check), *_place(each), finding.verdict, finding.why)
                    for check, tally in self.checks.items()
                    for each, finding in tally.failures()
                ],
            ),
            Section(
                "what is assumed, and why it has to be",
                ("assumption", "why"),
                [(_label(*c), t.assumed) for c, t in self.checks.items() if t.assumed],
            ),
            Section(
                "each round",
                ("round", "time (s)", *(_label(*check) for check in self.checks)),
                [
                    (*_place(each), *(finding.verdict for finding in each.findings.values()))
                    for each in self.each_round
                ],
            ),
        ]

    def _counts(self) -> Section:
        rows = [
            (
                _label(*check),
                tally.verdict.value,
                *(str(tally.counts[verdict] or "") for verdict in Verdict),
            )
            for check, tally in self.checks.items()
        ]
        return Section("rounds by verdict", ("assumption", "verdict", *Verdict), rows)


def audit_trace(path: str | os.PathLike[str], *, each_round: bool = False) -> Audit:
    """Audits the rounds of a run by its trace.

    Args:
        path: of a file that ``qnetsim run --trace`` wrote.
        each_round: whether to keep the findings of every round.

    Raises:
        InvalidInputError: the file cannot be read, is no trace, or contradicts itself.
    """
    recording = read_recording(path)
    auditor = Auditor(recording)
    about, protocol = recording.about, recording.about.protocol
    if protocol and protocol.settings:
        found = findings_on_pulses(about, protocol)
        alike = {check: _alike(finding, about.rounds or 0) for check, finding in found.items()}
        return Audit(about, about.rounds or 0, alike, auditor.of_the_run(), [])
    tallies = {check: Tally() for check in auditor.checks()}
    kept = []
    for each in auditor.rounds():
        for check, finding in each.findings.items():
            tallies[check].add(each, finding)
        if each_round:
            kept.append(each)
    for tally in tallies.values():
        tally.counts[Verdict.NOT_RECORDED] += auditor.missing
    rounds = len(auditor.numbers) + auditor.missing
    return Audit(about, rounds, tallies, auditor.of_the_run(), kept)


def _alike(finding: Finding, rounds: int) -> Tally:
    """Returns the tally of rounds of which all is the same."""
    if not rounds:
        return Tally()
    first = {finding.verdict: [(Round(0, None, {}), finding)]}
    return Tally(Counter({finding.verdict: rounds}), first)


def _worst(verdicts: Iterator[Verdict] | list[Verdict]) -> Verdict:
    return max(verdicts, key=list(Verdict).index, default=Verdict.NOT_RECORDED)


def _label(name: str, party: str) -> str:
    words = name.replace("_", " ").replace("space like", "space-like")
    return f"{party}: {words}" if party else words


def _place(each: Round) -> tuple[str, str]:
    return str(each.number), "" if each.time_s is None else f"{each.time_s:.9f}"
