"""When spontaneously emitted photons click, and how well two of them interfere."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_Array = NDArray[Any]

_DEEP = 9.0
"""A Gaussian so many standard deviations out is below a float's last digit."""

_NOTHING = 1e-250
"""Below it no share of an acceptance is formed."""

_ORDER = 16
_EDGE_PIECES = 6
"""Nodes a piece, and pieces on the rising edge of a blurred packet, about 4 jitters each."""


class WavePacket(NamedTuple):
    r"""A spontaneously emitted photon as it arrives at the station.

    .. math:: \psi(t) = \tau^{-1/2} e^{-(t-d)/2\tau - i \delta t}, \quad t \ge d.

    Attributes:
        lifetime_s: tau of the excited state, in s; positive.
        delay_s: when its front arrives, d, in s.
        detuning_rad_per_s: its angular frequency delta, against any reference that both photons
            of a pair share, in rad/s.
    """

    lifetime_s: float
    delay_s: float = 0.0
    detuning_rad_per_s: float = 0.0


class Gate(NamedTuple):
    """Which clicks count, and how far the clock of a click is off.

    Attributes:
        start_s: when the gate opens, in s, on the clock of the packets' delays.
        length_s: how long it stays open, in s; positive.
        jitter_s: standard deviation of the Gaussian noise on each click's time, in s; 0 for none.
        coincidence_s: the largest distance in time of two clicks that count as a pair, in s;
            ``None`` for any.
    """

    start_s: float
    length_s: float
    jitter_s: float = 0.0
    coincidence_s: float | None = None

    @property
    def end_s(self) -> float:
        """When it closes, in s."""
        return self.start_s + self.length_s

    @property
    def window_s(self) -> float:
        """The coincidence window, in s; the gate's length where none is set or a longer one."""
        return (
            self.length_s if self.coincidence_s is None else min(self.coincidence_s, self.length_s)
        )


class PairTiming(NamedTuple):
    """What a gate makes of two photons. Shares are 0 where the gate keeps no photon at all.

    Attributes:
        acceptances: for each photon, if it is detected, the chance that it clicks in the gate.
        overlap: I of the accepted pairs, in [-1, 1]; not negative without a coincidence window.
        both: the share of the pairs of photon clicks in the gate that are coincident.
        photon_dark: for each photon, the share of its clicks in the gate that are coincident with
            a dark count anywhere in the gate.
        dark_dark: the share of the pairs of dark counts in the gate that are coincident.
    """

    acceptances: tuple[float, float]
    overlap: float
    both: float
    photon_dark: tuple[float, float]
    dark_dark: float


@lru_cache(maxsize=256)
def pair_timing(first: WavePacket, second: WavePacket, gate: Gate) -> PairTiming:
    r"""Returns how a time filter weighs and purifies what two interfering photons herald.

    Opposite polarisations clicking at t1 and t2 leave the memories in
    psi1(t1) psi2(t2) abs(01> +- psi2(t1) psi1(t2) abs(10>. Averaged over the accepted region R,
    symmetric under an exchange of t1 and t2, that is abs(01><01) + abs(10><10)
    +- I (abs(01><10) + h.c.) up to its weight, with

    .. math:: I = \frac{\iint_R G(t_1) G^*(t_2)}{\iint_R P_1(t_1) P_2(t_2)}, \quad
        G = (\psi_1 \psi_2^*) * N_\sigma, \quad P_i = |\psi_i|^2 * N_\sigma,

    since interference comes before the detector's Gaussian noise N. All of time and no jitter
    give, for lifetimes ta, tb, detuning w and delay T,

    .. math:: I = e^{-|T|/\tau_{early}} \frac{4 \tau_a \tau_b}{(\tau_a + \tau_b)^2}
        \Big/ \Big[1 + \Big(\frac{2 w \tau_a \tau_b}{\tau_a + \tau_b}\Big)^2\Big].

    A coincidence window can make I negative (the two photons of an accepted pair are then in
    antiphase on average). The weight of such a pattern is ``both`` and holds no interference,
    for the memories tell the two paths apart; by symmetry both paths weigh the same. Photons of
    one polarisation do interfere in it: clicks at different outputs weigh both (1 - I), and one
    click of both, which no coincidence window splits, 1 + I with the I of the gate alone.

    Args:
        first: the photon at the first port.
        second: the photon at the second port.
        gate: which clicks count.

    Returns:
        Shares and overlap good to 1e-12; acceptances to 11 digits, however small they are.

    References:
        Legero, Wilk, Kuhn and Rempe, Appl. Phys. B 77, 797 (2003).
    """
    a1, a2 = acceptances = acceptance(first, gate), acceptance(second, gate)
    law_1 = _law(first, first, gate, norm=a1)
    law_2 = _law(second, second, gate, norm=a2)
    coherence = _law(first, second, gate, norm=math.sqrt(a1) * math.sqrt(a2))
    dark = _Law(1 / gate.length_s, 0.0, gate.start_s, 0.0, (gate.start_s, gate.start_s))
    both = _coincident(law_1, law_2, gate)
    overlap = _coincident(coherence, coherence, gate) / both if both else 0.0
    apart = 1 - gate.window_s / gate.length_s
    return PairTiming(
        acceptances,
        overlap=min(max(overlap, -1.0), 1.0),
        both=min(both, 1.0),
        photon_dark=(
            min(_coincident(law_1, dark, gate), 1.0),
            min(_coincident(law_2, dark, gate), 1.0),
        ),
        dark_dark=1 - apart**2,
    )


def acceptance(packet: WavePacket, gate: Gate) -> float:
    """Returns the chance that a photon, if it is detected, clicks in the gate."""
    law = _law(packet, packet, gate)
    return min(float(law.share(np.array([gate.start_s]), np.array([gate.length_s]))[0]), 1.0)


class _Law(NamedTuple):
    """C e^{-rate (t - onset)} from the onset on, blurred by jitter.

    After ``tail_s`` it is that exponential, delayed, to a float's last digit. Before, only what
    lies within ``edge_s`` weighs anything against the rest of the gate.
    """

    amplitude_per_s: float
    rate_per_s: complex
    onset_s: float
    jitter_s: float
    edge_s: tuple[float, float]

    @property
    def tail_s(self) -> float:
        return self.onset_s + self.jitter_s * (self.rate_per_s.real * self.jitter_s + _DEEP)

    def density(self, time_s: _Array) -> _Array:
        rate, sigma = self.rate_per_s, self.jitter_s
        since = np.maximum(time_s, self.tail_s) - self.onset_s
        law: _Array = np.exp(rate * (rate * sigma**2 / 2 - since))
        early = time_s < self.tail_s
        law[early] = self._rise((time_s[early] - self.onset_s) / sigma) if sigma else 0.0
        law *= self.amplitude_per_s
        return law

    def _rise(self, score: _Array) -> _Array:
        """Returns e^{k^2/2 - k x} Phi(x - k) for k = rate sigma, with no large factor."""
        from scipy.special import erfcx

        k = self.rate_per_s * self.jitter_s
        late = score > k.real
        edge = np.exp(-(score**2) / 2) / 2
        edge = edge * erfcx(np.where(late, score - k, k - score) / math.sqrt(2))
        rise: _Array = np.exp(k * (k / 2 - np.maximum(score, k.real))) * late
        rise += np.where(late, -edge, edge)
        return rise

    def share(self, start_s: _Array, span_s: _Array) -> _Array:
        """Returns the integral over a span from each start; a short span keeps its digits."""
        tail, rate = self.tail_s, self.rate_per_s
        left = np.maximum(span_s - np.maximum(tail - start_s, 0.0), 0.0)
        share = self.density(np.maximum(start_s, tail))
        share *= -np.expm1(-rate * left) / rate if rate else left
        low, high = self.edge_s
        before = np.maximum(low - start_s, 0.0)
        width = np.minimum(span_s, high - start_s) - before
        rising = width > 0
        if rising.any():
            nodes, weights = _nodes(np.linspace(0, 1, _EDGE_PIECES + 1))
            width = width[rising]
            times = (start_s + before)[rising, None] + width[:, None] * nodes
            share[rising] += width * (self.density(times) @ weights)
        return share


def _law(first: WavePacket, second: WavePacket, gate: Gate, norm: float = 1.0) -> _Law:
    """Returns psi1(t) psi2*(t)/norm as clicks see it; zero where the norm is nothing."""
    onset = max(first.delay_s, second.delay_s)
    rates = 0.5 / first.lifetime_s, 0.5 / second.lifetime_s
    decayed = rates[0] * (onset - first.delay_s) + rates[1] * (onset - second.delay_s)
    beat = first.detuning_rad_per_s - second.detuning_rad_per_s
    amplitude = (
        math.sqrt(4 * rates[0] * rates[1]) * math.exp(-decayed) / norm if norm > _NOTHING else 0.0
    )
    rate = complex(sum(rates), beat) if beat else sum(rates)
    law = _Law(amplitude, rate, onset, gate.jitter_s, (onset, onset))
    low = onset - math.hypot(_DEEP * gate.jitter_s, min(gate.end_s - onset, 0.0))
    high = onset + math.hypot((_DEEP + 6) * gate.jitter_s, max(gate.start_s - onset, 0.0))
    low, high = (min(max(time, gate.start_s), gate.end_s) for time in (low, min(high, law.tail_s)))
    return law._replace(edge_s=(low, high))


def _coincident(first: _Law, second: _Law, gate: Gate) -> float:
    """Returns the real part of first(t1) second*(t2) over the accepted t1 and t2.

    That is a square as long as the coincidence window, from where anything rises, and then a sum
    over the earlier time. Beyond the square the integrand is smooth between the knots: a
    detuning turns first(t1) and second(t2) alike.
    """
    window = gate.window_s
    start = min(first.edge_s[0], second.edge_s[0])
    side = np.array([start]), np.array([min(window, gate.end_s - start)])
    square = first.share(*side) * second.share(*side).conj()
    if start + window >= gate.end_s:
        return float(square[0].real)
    early, weights = _nodes(_knots(first, second, start, gate.end_s - window, window))
    late, span = early + window, np.full_like(early, window)
    strip = first.density(late) * second.share(early, span).conj()
    strip += second.density(late).conj() * first.share(early, span)
    return float((square[0] + weights @ strip).real)


def _knots(first: _Law, second: _Law, start: float, end: float, window: float) -> _Array:
    """Returns where to cut the earlier time: at the edges, and ever longer pieces between."""
    edges = [np.linspace(*law.edge_s, _EDGE_PIECES + 1) for law in (first, second)]
    points = np.concatenate([[start, end], *edges, *(edge - window for edge in edges)])
    points = np.unique(np.clip(points, start, end))
    fastest = max(first.rate_per_s.real, second.rate_per_s.real)
    scale = max(4 * first.jitter_s, 4 / fastest)
    doublings = math.ceil(math.log2((end - start) / scale + 1))
    offsets = scale * (2.0 ** np.arange(doublings + 1) - 1)
    return np.unique(np.minimum(points[:-1, None] + offsets, points[1:, None]))


def _nodes(knots: _Array) -> tuple[_Array, _Array]:
    """Returns the Gauss-Legendre nodes and weights of every piece between knots."""
    nodes, weights = _legendre(_ORDER)
    widths = np.diff(knots)[:, None]
    return (knots[:-1, None] + widths * nodes).ravel(), (widths * weights).ravel()


@cache
def _legendre(order: int) -> tuple[_Array, _Array]:
    nodes, weights = np.polynomial.legendre.leggauss(order)
    return (nodes + 1) / 2, weights / 2
