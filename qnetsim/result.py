"""What came of a simulation: arrays, figures, and how it shows itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qnetsim import display
from qnetsim.keys.sifting import Rounds
from qnetsim.network import Network
from qnetsim.nodes.activity import ACTIVITIES
from qnetsim.physics.states import bell_state
from qnetsim.protocols import bell_test
from qnetsim.protocols.array_rate import ArrayExpectation
from qnetsim.protocols.diqkd import DIQKD
from qnetsim.protocols.expectation import (
    LinkExpectation,
    ProtocolExpectation,
    link_expectation,
    protocol_expectation,
)
from qnetsim.protocols.heralding import Openings
from qnetsim.protocols.heralds import Heralds
from qnetsim.security.finite.terms import KeyLength
from qnetsim.security.keyrate import worth_of
from qnetsim.security.rates import key_rate_of_bound
from qnetsim.units import PS_PER_S

if TYPE_CHECKING:
    import pandas

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Result(display.Shown):
    """What came of a run.

    Attributes:
        scenario: the run's name.
        seed: its seed.
        resolution: how attempts were played.
        partial: whether it was ended early.
        sim_time_s: simulated time.
        wall_time_s: real time from the first event to the last.
        attempts: attempts started, those still open at the end included.
        attempting_s: time that the link spent on them.
        activity_s: for each node the time spent on each activity.
        heralds: the heralds.
        heralds_missed: heralds that a node's message came too late for.
        openings: what became of the attempts that the slots of an array could have made; ``None``
            where either node has one slot.
        rounds: the rounds that both parties completed.
        protocol: what the parties did.
        causes: what can make the link's station herald.
        memory_levels: levels of each node's particle over which white noise spreads.
        network: what was simulated, whence the closed forms.
        published: what a publication says, by the key of ``summary``.
    """

    scenario: str
    seed: int
    resolution: str
    partial: bool
    sim_time_s: float
    wall_time_s: float
    attempts: int
    attempting_s: float
    activity_s: dict[str, dict[str, float]]
    heralds: Heralds
    heralds_missed: int
    openings: Openings | None
    rounds: Rounds
    protocol: DIQKD
    causes: tuple[str, ...]
    memory_levels: tuple[int, ...]
    network: Network = field(repr=False)
    published: dict[str, display.Published] = field(default_factory=dict)

    @cached_property
    def expected_link(self) -> LinkExpectation | None:
        """Closed form of the link, or ``None`` where there is none."""
        return link_expectation(self.network, self.protocol.link, self.sim_time_s)

    @cached_property
    def expected(self) -> ProtocolExpectation | None:
        """Closed form of the protocol, likewise."""
        if self.expected_link is None or not self.expected_link.states:
            return None
        arms = self.network.arms(self.protocol.link)
        return protocol_expectation(self.protocol, arms, self.expected_link.states)

    @cached_property
    def correlators(self) -> dict[tuple[int, int], bell_test.Estimate]:
        """E_xy by settings (x, y)."""
        return bell_test.correlators(self.rounds)

    @cached_property
    def chsh(self) -> bell_test.Estimate | None:
        """S, or ``None`` where a setting was not played."""
        return bell_test.chsh_value(self.correlators, self.protocol.chsh_terms)

    @cached_property
    def qbers(self) -> list[bell_test.Estimate | None]:
        """The error rate of each key pair, ``None`` where it was not played."""
        anticorrelated = self.protocol.key_anticorrelated
        return [
            bell_test.error_rate(self.rounds, [pair], anticorrelated)
            for pair in self.protocol.key_pairs
        ]

    @cached_property
    def qber(self) -> bell_test.Estimate | None:
        """The error rate of all key pairs together."""
        return bell_test.error_rate(
            self.rounds, self.protocol.key_pairs, self.protocol.key_anticorrelated
        )

    @cached_property
    def wait_s(self) -> bell_test.Estimate | None:
        """Mean time from one herald to the next, or ``None`` with fewer than two."""
        gaps_s = np.diff(self.heralds.time_ps) / PS_PER_S
        if not len(gaps_s):
            return None
        stderr = float(np.std(gaps_s)) / math.sqrt(len(gaps_s))
        return bell_test.Estimate(float(np.mean(gaps_s)), stderr, len(gaps_s))

    @cached_property
    def heralded_fidelity(self) -> bell_test.Estimate | None:
        """Mean fidelity, right after a herald, with the Bell state that it names."""
        heralds = self.heralds
        count = len(heralds)
        if not count:
            return None
        names, which = np.unique(heralds.bell_state, return_inverse=True)
        targets = np.array([bell_state(name) for name in names])
        of_states = np.einsum("kij,nji->nk", heralds.states, targets).real
        fidelities = of_states[which, heralds.state_index]
        stderr = float(np.std(fidelities)) / math.sqrt(count)
        return bell_test.Estimate(float(np.mean(fidelities)), stderr, count)

    @cached_property
    def key_rate_bits_per_round(self) -> float | None:
        """Secret bits a round by the protocol's bound from the observed S and Q, 0 or more.

        Asymptotic and for the observed values themselves: no confidence interval is deducted.
        """
        qbers = [q.value for q in self.qbers if q]
        if self.chsh is None or len(qbers) < len(self.qbers):
            return None
        total = len(self.rounds.x)
        sifting = sum(q.rounds for q in self.qbers if q) / total
        leak_bits = self.protocol.leak_bits_per_round
        return key_rate(self.protocol.bound, self.chsh.value, qbers, sifting, leak_bits)

    @cached_property
    def expected_key_rate_bits_per_round(self) -> float | None:
        """The same from the closed forms of S, Q and the settings' chances."""
        if self.expected is None:
            return None
        sifting = sum(self.expected.key_probabilities)
        s, leak_bits = self.expected.chsh_s, self.protocol.leak_bits_per_round
        return key_rate(self.protocol.bound, s, self.expected.qbers, sifting, leak_bits)

    @cached_property
    def key_length(self) -> KeyLength | None:
        """The key of a finite block of such devices, where the protocol plans one."""
        finite, expected, q = self.protocol.finite, self.expected, _mean_qber(self.expected)
        if finite is None or expected is None or q is None:
            return None
        return finite.key_length(self.protocol.bound, len(self.rounds.x), expected.chsh_s, q)

    def summary(self) -> dict[str, Any]:
        """Returns the figures under the documented keys of ``qnetsim run --json``."""
        link, expected = self.expected_link, self.expected
        seconds = self.sim_time_s
        rounds = len(self.rounds.x)
        rate = self.key_rate_bits_per_round
        expected_rate = self.expected_key_rate_bits_per_round
        herald_rate = link.herald_rate_hz if link else None
        figures: dict[str, Any] = {
            "scenario": self.scenario,
            "seed": self.seed,
            "resolution": self.resolution,
            "partial": self.partial,
            "sim_time_s": seconds,
            "wall_time_s": self.wall_time_s,
            "attempts": self.attempts,
            "heralds": len(self.heralds),
            "herald_rate_hz": _over(len(self.heralds), seconds),
            "expected_herald_rate_hz": herald_rate,
            "expected_herald_probability": link.herald_probability if link else None,
            "duty_cycle": self._duty_cycle(),
            "expected_duty_cycle": link.duty_cycle if link else None,
            "rounds": rounds,
            "heralds_missed": self.heralds_missed,
            "heralds_by_cause": self._heralds_by_cause(),
            "array": self._array(),
        }
        heralded = link.heralded_fidelity if link and link.heralded else None
        figures |= figure("wait_s", self.wait_s, 1 / herald_rate if herald_rate else None)
        figures |= figure("heralded_fidelity", self.heralded_fidelity, heralded)
        figures |= figure("chsh_s", self.chsh, expected.chsh_s if expected else None)
        figures |= figure("qber", self.qber, _mean_qber(expected))
        for k, qber in enumerate(self.qbers):
            figures |= figure(f"qber_{k}", qber, expected.qbers[k] if expected else None)
        figures["correlators"] = {
            f"{x}{y}": {
                "value": estimate.value,
                "stderr": estimate.stderr,
                "rounds": estimate.rounds,
                "expected": expected.correlators[x, y] if expected else None,
            }
            for (x, y), estimate in self.correlators.items()
        }
        figures |= {
            "state_fidelity": expected.state_fidelity if expected else None,
            "published_formula_fidelity": self._published_formula_fidelity(),
            "bound": self.protocol.bound,
            "key_rate_bits_per_round": rate,
            "key_rate_bits_per_s": None if rate is None else rate * _over(rounds, seconds),
            "expected_key_rate_bits_per_round": expected_rate,
            "expected_key_rate_bits_per_s": (
                None if expected_rate is None or herald_rate is None
                else expected_rate * herald_rate
            ),
            **worth_of(
                self.protocol.bound, post_selected=False, overlapping=self.openings is not None
            ),
            "key_length_bits": self.key_length and self.key_length.key_length_bits,
            "key_length": self.key_length and self.key_length.summary(),
        }  # fmt: skip
        return figures

    def to_pandas(self) -> pandas.DataFrame:
        """Returns a data frame with a row for each round, where pandas is installed.

        Columns: herald, time_s, wait_s, bell_state, x, y, a, b.
        """
        import pandas

        number = self.rounds.herald
        return pandas.DataFrame(
            {
                "herald": number,
                "time_s": self.heralds.time_s[number],
                "wait_s": self.heralds.wait_ps[number] / PS_PER_S,
                "bell_state": self.heralds.bell_state[number],
                "x": self.rounds.x,
                "y": self.rounds.y,
                "a": self.rounds.a,
                "b": self.rounds.b,
            }
        )

    def _title(self) -> str:
        partial = ", PARTIAL: ended early" if self.partial else ""
        return f"{self.scenario}, seed {self.seed}, {self.resolution} resolution{partial}"

    def _duty_cycle(self) -> dict[str, Any]:
        return {
            "attempting": _over(self.attempting_s, self.sim_time_s),
            "nodes": {
                node: {
                    activity: _over(spent[activity], self.sim_time_s)
                    for activity in ACTIVITIES
                    if activity in spent
                }
                for node, spent in self.activity_s.items()
            },
        }

    def _array(self) -> dict[str, Any] | None:
        """Returns how the slots of an array shared the link, and what is expected of it."""
        if self.openings is None:
            return None
        expected = self.expected_link.array if self.expected_link else None
        law = expected._asdict() if expected else dict.fromkeys(ArrayExpectation._fields)
        return {**law, "counts": self.openings._asdict()}

    def _heralds_by_cause(self) -> dict[str, dict[str, float | None]]:
        """Returns how many heralds each cause made, and the share that it is expected to make."""
        expected = self.expected_link.causes if self.expected_link else {}
        return {
            cause: {
                "heralds": int(np.count_nonzero(self.heralds.cause == cause)),
                "expected_share": expected.get(cause),
            }
            for cause in self.causes
        }

    def _published_formula_fidelity(self) -> float | None:
        """(1 + (d^2 - 1) V)/d^2 with V = S/(2 sqrt 2): white noise on two d-level particles."""
        if self.expected is None:
            return None
        levels = math.prod(self.memory_levels)
        visibility = self.expected.chsh_s / (2 * math.sqrt(2))
        return (1 + (levels - 1) * visibility) / levels


def key_rate(bound: str, s: float, qbers: list[float], sifting: float, leak_bits: float) -> float:
    """Returns the asymptotic secret bits a round by a bound, 0 or more.

    Args:
        bound: ``chsh`` or ``two-basis`` (``security.chsh`` says what each is worth).
        s: the CHSH value.
        qbers: the error rate of each key pair.
        sifting: the share of rounds that are key rounds.
        leak_bits: bits that leave the laboratories in a round.
    """
    return max(0.0, float(key_rate_of_bound(bound, s, qbers, sifting)) - leak_bits)


def _over(amount: float, seconds: float) -> float:
    return amount / seconds if seconds else 0.0


def figure(
    key: str, estimate: bell_test.Estimate | None, expected: float | None
) -> dict[str, float | None]:
    """Returns a figure, its standard error and its closed form under their keys.

    Args:
        key: of the figure.
        estimate: what was observed, or ``None``.
        expected: the closed form, or ``None``.
    """
    return {
        key: estimate.value if estimate else None,
        f"{key}_stderr": estimate.stderr if estimate else None,
        f"expected_{key}": expected,
    }


def _mean_qber(expected: ProtocolExpectation | None) -> float | None:
    """Returns the error rate over all key pairs, each as often as it is drawn."""
    if expected is None or not sum(expected.key_probabilities):
        return None
    return float(np.average(expected.qbers, weights=expected.key_probabilities))
