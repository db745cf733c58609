"""What came of a run of an all-photonic link: counts, figures, and how it shows itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qnetsim import display
from qnetsim.keys.postselection import KeyRoundEntropy, key_round_entropy
from qnetsim.protocols import bell_test
from qnetsim.protocols.bell_test import Estimate
from qnetsim.protocols.pulse_law import BELL_STATES, PulseLaw
from qnetsim.protocols.pulsed import PulsedDIQKD
from qnetsim.result import figure, key_rate
from qnetsim.security.behaviour import moments_of
from qnetsim.security.keyrate import worth_of
from qnetsim.security.npa.certificate import Certificate

_SIGNS = np.array([[1.0, -1.0], [-1.0, 1.0]])


@dataclass(frozen=True)
class PhotonicResult(display.Shown):
    """What came of a run.

    Attributes:
        scenario: the run's name.
        seed: its seed.
        resolution: how pulses were played.
        partial: whether it was ended early.
        pulse_rate_hz: pulses a second.
        pulses: how many were played.
        wall_time_s: real time that playing took.
        heralded: whether a herald makes a round; else every pulse is one.
        counts: rounds by settings, herald, cause and outcomes in the order +1, -1; shape
            (X, Y, heralds, causes, 2, 2), named by ``law``.
        law: the law of one pulse, whence the closed forms.
        protocol: what the users did.
        no_click: each user's outcome where nothing clicks.
        certificate: proves the bound 'sdp'.
        published: what a publication says, by the key of ``summary``.
    """

    scenario: str
    seed: int
    resolution: str
    partial: bool
    pulse_rate_hz: float
    pulses: int
    wall_time_s: float
    heralded: bool
    counts: NDArray[np.int64]
    law: PulseLaw
    protocol: PulsedDIQKD
    no_click: tuple[int, int]
    certificate: Certificate | None = None
    published: dict[str, display.Published] = field(default_factory=dict)

    @property
    def sim_time_s(self) -> float:
        """Simulated time, in s."""
        return self.pulses / self.pulse_rate_hz

    @cached_property
    def rounds(self) -> NDArray[np.int64]:
        """How often each pair of outcomes came, by settings: shape (X, Y, 2, 2)."""
        total: NDArray[np.int64] = self.counts.sum(axis=(2, 3))
        return total

    @cached_property
    def correlators(self) -> dict[tuple[int, int], Estimate]:
        """E_xy by settings (x, y)."""
        estimates = {}
        for x, y in np.ndindex(self.rounds.shape[:2]):
            table = self.rounds[x, y]
            equal, total = int(np.trace(table)), int(table.sum())
            if total:
                stderr = 2 * bell_test.share_stderr(equal, total)
                estimates[x, y] = Estimate(2 * equal / total - 1, stderr, total)
        return estimates

    @cached_property
    def expected_correlators(self) -> dict[tuple[int, int], float] | None:
        """The same from the law, or ``None`` if there never is a round."""
        if not self.law.herald_probability:
            return None
        means = (self.law.rounds * _SIGNS).sum(axis=(2, 3))
        return {(x, y): float(mean) for (x, y), mean in np.ndenumerate(means)}

    @cached_property
    def chsh(self) -> Estimate | None:
        """S, or ``None`` where a setting was not played."""
        return bell_test.chsh_value(self.correlators, self.protocol.chsh_terms)

    @cached_property
    def expected_chsh(self) -> float | None:
        """S of the law."""
        means = self.expected_correlators
        if means is None:
            return None
        return sum(sign * means[x, y] for x, y, sign in self.protocol.chsh_terms)

    @cached_property
    def qbers(self) -> list[Estimate | None]:
        """The error rate of each key pair, ``None`` where it was not played."""
        return [self._qber([pair]) for pair in self.protocol.key_pairs]

    @cached_property
    def expected_qbers(self) -> list[float | None]:
        """The error rate of each key pair in the law."""
        means = self.expected_correlators
        sign = -1 if self.protocol.key_anticorrelated else 1
        return [(1 - sign * means[x, y]) / 2 if means else None for x, y in self._key_pairs]

    @cached_property
    def key_rounds(self) -> KeyRoundEntropy | None:
        """What post-selection and noise leave of the first key pair's rounds, if it was played."""
        x, y = self._key_pairs[0]
        total = int(self.rounds[x, y].sum())
        return self._entropy(self.rounds[x, y] / total, total) if total else None

    @cached_property
    def expected_key_rounds(self) -> KeyRoundEntropy | None:
        """The same from the law."""
        if not self.law.herald_probability:
            return None
        return self._entropy(self.law.rounds[self._key_pairs[0]])

    @cached_property
    def key_rate_bits_per_round(self) -> float | None:
        """Secret bits a round by the protocol's bound from the observed S and Q, 0 or more.

        Asymptotic and for the observed values themselves. ``None`` without a bound.
        """
        if self.certificate is not None:
            return self._certified_rate(self.eve_entropy_bits, self.key_rounds)
        qbers = [q.value for q in self.qbers if q]
        if self.chsh is None or len(qbers) < len(self.qbers) or self.protocol.bound == "none":
            return None
        sifting = sum(q.rounds for q in self.qbers if q) / self._total
        leak_bits = self.protocol.leak_bits_per_round
        return key_rate(self.protocol.bound, self.chsh.value, qbers, sifting, leak_bits)

    @cached_property
    def expected_key_rate_bits_per_round(self) -> float | None:
        """The same from the law, and settings that come equally often."""
        if self.certificate is not None:
            return self._certified_rate(self.expected_eve_entropy_bits, self.expected_key_rounds)
        qbers = [q for q in self.expected_qbers if q is not None]
        if self.expected_chsh is None or self.protocol.bound == "none":
            return None
        sifting = len(qbers) / (self.rounds.shape[0] * self.rounds.shape[1])
        leak_bits = self.protocol.leak_bits_per_round
        return key_rate(self.protocol.bound, self.expected_chsh, qbers, sifting, leak_bits)

    @cached_property
    def eve_entropy_bits(self) -> float | None:
        """Certified H(A|E) of a key round that is kept, from the observed means, in bits."""
        if self.certificate is None or not self.rounds.sum(axis=(2, 3)).all():
            return None
        return self._eve_entropy(self.certificate, self.rounds, self.key_rounds)

    @cached_property
    def expected_eve_entropy_bits(self) -> float | None:
        """The same from the law."""
        if self.certificate is None:
            return None
        return self._eve_entropy(self.certificate, self.law.rounds, self.expected_key_rounds)

    @cached_property
    def wait_s(self) -> Estimate | None:
        """Mean time from one herald to the next; of independent pulses, so geometric."""
        if not (self.heralded and self._total):
            return None
        mean_s = self.sim_time_s / self._total
        share = 1 - self._total / self.pulses
        return Estimate(mean_s, mean_s * (share / self._total) ** 0.5, self._total)

    @cached_property
    def heralded_fidelity(self) -> Estimate | None:
        """Mean fidelity of the users' light behind a herald with the Bell state that it names.

        Each herald counts with the fidelity behind its name and cause; vacuum and several
        photons have none.
        """
        light, shares = self.law.light, self.law.bell_shares
        if light is None or shares is None or not self._total:
            return None
        fidelities = shares[..., BELL_STATES.index(light.bell_state)]
        share = self._heralds / self._total
        mean = float((share * fidelities).sum())
        variance = float((share * (fidelities - mean) ** 2).sum())
        return Estimate(mean, (variance / self._total) ** 0.5, self._total)

    def summary(self) -> dict[str, Any]:
        """Returns the figures under the documented keys of ``qnetsim run --json``."""
        rate, expected_rate = self.key_rate_bits_per_round, self.expected_key_rate_bits_per_round
        rounds_hz = self._total / self.sim_time_s if self.pulses else 0.0
        expected_hz = self.law.herald_probability * self.pulse_rate_hz
        figures: dict[str, Any] = {
            "scenario": self.scenario,
            "seed": self.seed,
            "resolution": self.resolution,
            "partial": self.partial,
            "sim_time_s": self.sim_time_s,
            "wall_time_s": self.wall_time_s,
            "attempts": self.pulses,
            "heralds": self._total if self.heralded else None,
            "herald_rate_hz": rounds_hz if self.heralded else None,
            "expected_herald_rate_hz": expected_hz if self.heralded else None,
            "expected_herald_probability": (self.law.herald_probability if self.heralded else None),
            "duty_cycle": {"attempting": 1.0, "nodes": {}},
            "expected_duty_cycle": 1.0,
            "rounds": self._total,
            "heralds_by_cause": self._heralds_by_cause(),
        }
        figures |= figure(
            "wait_s", self.wait_s, 1 / expected_hz if self._waits(expected_hz) else None
        )
        figures |= figure("heralded_fidelity", self.heralded_fidelity, self.law.heralded_fidelity)
        figures["heralded_state"] = self._heralded_state()
        figures |= figure("chsh_s", self.chsh, self.expected_chsh)
        figures |= figure("qber", self._qber(self._key_pairs), self._expected_qber())
        for k, qber in enumerate(self.qbers):
            figures |= figure(f"qber_{k}", qber, self.expected_qbers[k])
        figures |= self._key_figures()
        figures["correlators"] = {
            f"{x}{y}": {
                **estimate._asdict(),
                "expected": self.expected_correlators and self.expected_correlators[x, y],
            }
            for (x, y), estimate in self.correlators.items()
        }
        figures |= {
            "bound": self.protocol.bound,
            "key_rate_bits_per_round": rate,
            "key_rate_bits_per_s": None if rate is None else rate * rounds_hz,
            "expected_key_rate_bits_per_round": expected_rate,
            "expected_key_rate_bits_per_s": (
                None if expected_rate is None else expected_rate * expected_hz
            ),
            **self._worth(),
        }
        return figures

    def _worth(self) -> dict[str, Any]:
        if self.protocol.bound == "none":
            return {"attacks": None, "assumptions": None}
        return worth_of(self.protocol.bound, post_selected=self.protocol.keep_no_click < 1)

    def _title(self) -> str:
        partial = ", PARTIAL: ended early" if self.partial else ""
        no_key = ", no bound for its key rate" if self.protocol.bound == "none" else ""
        return f"{self.scenario}, seed {self.seed}, resolution '{self.resolution}'{no_key}{partial}"

    def _waits(self, herald_rate_hz: float) -> bool:
        return self.heralded and herald_rate_hz > 0

    @property
    def _total(self) -> int:
        return int(self.rounds.sum())

    @property
    def _key_pairs(self) -> list[tuple[int, int]]:
        return [(x, y) for x, y in self.protocol.key_pairs]

    def _qber(self, pairs: list[tuple[int, int]]) -> Estimate | None:
        tables = np.array([self.rounds[pair] for pair in pairs])
        total, equal = int(tables.sum()), int(np.trace(tables, axis1=1, axis2=2).sum())
        if not total:
            return None
        errors = equal if self.protocol.key_anticorrelated else total - equal
        return Estimate(errors / total, bell_test.share_stderr(errors, total), total)

    def _expected_qber(self) -> float | None:
        """Returns the mean: settings come equally often."""
        known = [qber for qber in self.expected_qbers if qber is not None]
        return sum(known) / len(known) if known else None

    def _entropy(self, table: NDArray[np.float64], rounds: int = 0) -> KeyRoundEntropy:
        kept = self.protocol.kept_chances(self.no_click)
        return key_round_entropy(table, kept, self.protocol.flip_probability, rounds)

    def _key_figures(self) -> dict[str, float | None]:
        """Returns what post-selection and noise leave of key rounds."""
        seen, law = self.key_rounds, self.expected_key_rounds
        kept = seen and Estimate(seen.kept, seen.kept_stderr, 0)
        entropy = seen and Estimate(seen.entropy_bits, seen.entropy_stderr, 0)
        return {
            "keep_no_click": self.protocol.keep_no_click,
            "flip_probability": self.protocol.flip_probability,
            **figure("kept_key_rounds", kept, law and law.kept),
            **figure("conditional_entropy_bits", entropy, law and law.entropy_bits),
            "eve_entropy_bits": self.eve_entropy_bits,
            "expected_eve_entropy_bits": self.expected_eve_entropy_bits,
        }

    @staticmethod
    def _eve_entropy(
        certificate: Certificate, rounds: ArrayLike, key: KeyRoundEntropy | None
    ) -> float | None:
        if key is None or not key.kept:
            return None
        return certificate.entropy_bits(moments_of(rounds)) / key.kept

    def _certified_rate(
        self, entropy_bits: float | None, key: KeyRoundEntropy | None
    ) -> float | None:
        if entropy_bits is None or key is None:
            return None
        share = self.protocol.key_share
        if share is None:
            share = 1 / (self.rounds.shape[0] * self.rounds.shape[1])
        rate = share * key.kept * (entropy_bits - key.entropy_bits)
        return max(0.0, rate - self.protocol.leak_bits_per_round)

    @property
    def _heralds(self) -> NDArray[np.int64]:
        """How often each herald came by each cause, shape (heralds, causes)."""
        made: NDArray[np.int64] = self.counts.sum(axis=(0, 1, 4, 5))
        return made

    def _heralded_state(self) -> dict[str, dict[str, float | None]]:
        """Returns the shares of the Bell states in the users' mean state behind a herald."""
        shares, expected = self.law.bell_shares, self.law.mean_bell_shares
        if shares is None:
            return {}
        found = np.einsum("hc,hcb->b", self._heralds, shares) / max(self._total, 1)
        return {
            name: {
                "share": float(share) if self._total else None,
                "expected_share": expected.get(name),
            }
            for name, share in zip(BELL_STATES, found, strict=True)
        }

    def _heralds_by_cause(self) -> dict[str, dict[str, float | None]]:
        """Returns how many heralds each cause made, and the share that it is expected to make."""
        if not self.heralded:
            return {}
        made = self._heralds.sum(axis=0).tolist()
        shares = self.law.cause_shares
        return {
            cause: {"heralds": number, "expected_share": shares.get(cause)}
            for cause, number in zip(self.law.causes, made, strict=True)
        }
