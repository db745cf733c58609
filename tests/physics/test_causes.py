"""What makes a station herald, by cause, against an explicit Fock space.

The Fock simulation shares no formula with the module. Photons are created in their port, their
polarisation and their wave packet: f and sqrt(I) e^{i phase} f + sqrt(1-I) g for the entangled
ones, a packet of its own, orthogonal to all others, for each stray one. A beam splitter takes a
port to two outputs, and another each photon to a lost mode. Dark counts are enumerated, those of
detectors that photons have lit too. With two stray photons that is 24 modes and up to four
photons: 20,475 states.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
import qutip
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qnetsim.physics.interference import (
    ALL_KEPT,
    BELL_PATTERNS,
    CAUSES,
    DISCARDED,
    N_CLICK_SETS,
    Kept,
    blind,
    click_set,
    click_states_by_cause,
    two_photon_click_states,
)

TRUE, DISTINGUISHABLE, SECOND, DARK = range(4)
ACCEPTED = [clicks for pair in BELL_PATTERNS.values() for clicks in pair]
BELL = {"psi+": np.array([0, 1, 1, 0]) / np.sqrt(2), "psi-": np.array([0, 1, -1, 0]) / np.sqrt(2)}
DETECTOR_OF = [(0, 0), (0, 1), (1, 0), (1, 1)]  # (output, polarisation) of H1, V1, H2, V2
STRAYS = [(0,), (1,), (0, 1)]
"""The ports that stray photons come from."""


class Station(NamedTuple):
    """The optics of one attempt."""

    efficiencies: tuple[float, float]
    overlap: float
    pd: float
    strays: tuple[tuple[int, float], ...] = ()
    """The port and the efficiency of each."""
    phase: float = 0.0
    resolving: bool = False
    dead: int = 0
    twins: bool = False
    """Whether a stray photon has the polarisation of the entangled one from its port."""

    def ours(self) -> NDArray[np.float64]:
        strays = [efficiency for _, efficiency in self.strays]
        first, second = (dict(self.strays).get(port) for port in (0, 1))
        return click_states_by_cause(
            self.efficiencies,
            self.overlap,
            self.pd,
            strays=[] if self.twins else strays,
            twins=(first, second) if self.twins else (None, None),
            number_resolving=self.resolving,
            dead=self.dead,
        )


# --- the station in Fock space -------------------------------------------------------------------


class Space:
    """The light of an attempt with some stray photons, up to a number of photons."""

    def __init__(self, strays: int, cutoff: int) -> None:
        packets = ["f", "g", *range(strays)]
        self.modes = [("out", *d, packet) for packet in packets for d in DETECTOR_OF]
        self.modes += [("lost", node, p) for node in (0, 1) for p in (0, 1)]
        self.modes += [("lost", "stray", k, p) for k in range(strays) for p in (0, 1)]
        self.strays, self.cutoff = strays, cutoff
        self.levels = [cutoff + 1] * len(self.modes)

    @cached_property
    def creators(self) -> dict[tuple, object]:
        operators = qutip.enr_destroy(self.levels, self.cutoff)
        return {
            mode: a.dag().to("csr").data.as_scipy().real
            for mode, a in zip(self.modes, operators, strict=True)
        }

    @cached_property
    def vacuum(self) -> NDArray[np.complex128]:
        return qutip.enr_fock(self.levels, self.cutoff, [0] * len(self.modes)).full()[:, 0]

    @cached_property
    def numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(states, 4) twice: the entangled and the stray photons in each detector."""
        states = qutip.enr_state_dictionaries(self.levels, self.cutoff)[2]
        table = np.array([states[i] for i in range(len(states))])
        counts = []
        for kind in (("f", "g"), range(self.strays)):
            at = [[self.modes.index(("out", *d, k)) for k in kind] for d in DETECTOR_OF]
            counts.append(np.stack([table[:, columns].sum(axis=1) for columns in at], axis=1))
        return counts[0], counts[1]

    def added(
        self,
        light: NDArray[np.complex128],
        port: int,
        polarisation: int,
        packet: dict[object, complex],
        efficiency: float,
        lost: tuple,
    ) -> NDArray[np.complex128]:
        """Adds a photon: port 1 -> (1 + 2)/sqrt(2), port 2 -> (1 - 2)/sqrt(2), or lost."""
        total = math.sqrt(1 - efficiency) * (self.creators["lost", *lost] @ light)
        for output, (name, amplitude) in product((0, 1), packet.items()):
            half = math.sqrt(efficiency / 2) * (-1 if port and output else 1)
            total += half * amplitude * (self.creators["out", output, polarisation, name] @ light)
        return total

    def light(self, at: Station) -> Iterator[NDArray[np.complex128]]:
        """Yields the light (states, 4) of photons HH, HV, VH, VV for the strays' polarisations."""
        mixed = {
            "f": math.sqrt(at.overlap) * np.exp(1j * at.phase),
            "g": math.sqrt(1 - at.overlap),
        }
        columns = []
        for p1, p2 in product((0, 1), (0, 1)):
            first = self.added(self.vacuum, 0, p1, {"f": 1.0}, at.efficiencies[0], (0, p1))
            columns.append(self.added(first, 1, p2, mixed, at.efficiencies[1], (1, p2)))
        lights = [np.stack(columns, axis=1)]
        for k, (port, efficiency) in enumerate(at.strays):
            horizontal, vertical = (
                [
                    self.added(light, port, p, {k: 1.0}, efficiency, ("stray", k, p))
                    for light in lights
                ]
                for p in (0, 1)
            )
            lights = horizontal + vertical
            if at.twins:
                alike = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])[port] == 0
                pairs = zip(horizontal, vertical, strict=True)
                lights = [np.where(alike, h, v) for h, v in pairs]
        yield from lights

    @cache  # noqa: B019 - spaces live as long as the tests
    def kinds(
        self, dead: int, resolving: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[tuple]]:
        """Sorts the Fock states by what they make detectors show.

        Returns:
            The order, where each kind begins in it, and the kinds (lit, spoilt, by what).
        """
        entangled, stray = self.numbers
        sees = np.array([not dead >> d & 1 for d in range(4)])
        photons = (entangled + stray) * sees
        lit = (photons > 0) @ (1 << np.arange(4))
        spoilt = (photons > 1).any(axis=1) & resolving
        by_stray = ((entangled == 0) & (stray > 0) & sees).any(axis=1)
        by_what = np.where(by_stray, 2, entangled.sum(axis=1) == 2)
        table = np.stack([lit, spoilt, by_what], axis=1)
        kinds, place = np.unique(table, axis=0, return_inverse=True)
        order = np.argsort(place.ravel(), kind="stable")
        starts = np.searchsorted(place.ravel()[order], np.arange(len(kinds)))
        return order, starts, [tuple(map(int, kind)) for kind in kinds]

    def click_states(self, at: Station) -> dict[str, NDArray[np.complex128]]:
        """Returns the memories' states (32, 4, 4) by what lit the set.

        ``both`` and ``fewer``: two entangled photons reached detectors, or fewer did, and nothing
        else lit one. ``second``: a stray photon alone lit one. ``dark``: a dark count.
        """
        order, starts, kinds = self.kinds(at.dead, at.resolving)
        by_kind: NDArray[np.complex128] = np.zeros((len(kinds), 4, 4), complex)
        for light in self.light(at):
            random = 1 if at.twins else 2**self.strays
            sorted_light = light[order] / math.sqrt(4 * random)
            pairs = sorted_light[:, :, None] * sorted_light[:, None, :].conj()
            by_kind += np.add.reduceat(pairs, starts, axis=0)
        found = {key: np.zeros((32, 4, 4), complex) for key in ("fewer", "both", "second", "dark")}
        see = 4 - at.dead.bit_count()
        for (lit, spoilt, by_what), state in zip(kinds, by_kind, strict=True):
            for dark in (d for d in range(16) if not d & at.dead):
                chance = at.pd ** dark.bit_count() * (1 - at.pd) ** (see - dark.bit_count())
                twice = spoilt or (at.resolving and dark & lit)
                key = "dark" if dark & ~lit else ("fewer", "both", "second")[by_what]
                found[key][(lit | dark) + 16 * bool(twice)] += chance * state
        return found


@cache
def space(strays: int) -> Space:
    return Space(strays, 2 + strays)


def fock(at: Station) -> dict[str, NDArray[np.complex128]]:
    return space(len(at.strays)).click_states(at)


def random_stations(
    ports: tuple[int, ...], n: int, seed: int, resolving: bool = False
) -> list[Station]:
    rng = np.random.default_rng([seed, len(ports), ports[-1] if ports else 2, resolving])
    return [
        Station(
            (float(rng.random()), float(rng.random())),
            float(rng.random()),
            float(rng.random()),
            tuple((port, float(rng.random())) for port in ports),
            float(2 * np.pi * rng.random()),
            resolving,
        )
        for _ in range(n)
    ]


def close(found: NDArray[np.generic], wanted: NDArray[np.generic], atol: float = 1e-12) -> None:
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


def test_fock_light_is_normalised_whatever_is_lost() -> None:
    for at in random_stations((0, 1), 3, seed=1):
        for light in space(2).light(at):
            close(light.conj().T @ light, np.eye(4))


def test_raising_the_cutoff_of_the_fock_simulation_changes_nothing() -> None:
    (at,) = random_stations((0,), 1, seed=2)
    too_low, enough, more = (Space(1, cutoff).click_states(at) for cutoff in (2, 3, 4))
    for key in enough:
        close(more[key], enough[key], atol=1e-14)
    assert np.trace(sum(enough.values()).sum(axis=0)) == pytest.approx(1, abs=1e-12)
    assert np.trace(sum(too_low.values()).sum(axis=0)).real < 0.9


@pytest.mark.parametrize("resolving", [False, True])
@pytest.mark.parametrize("ports", [(), *STRAYS])
def test_every_cause_equals_its_projection_in_the_fock_simulation(
    ports: tuple[int, ...], resolving: bool
) -> None:
    for at in random_stations(ports, 50, seed=3, resolving=resolving):
        ours, wanted = at.ours(), fock(at)
        close(ours.sum(axis=0), sum(wanted.values()))
        close(ours[DARK], wanted["dark"])
        close(ours[SECOND], wanted["second"])
        close(ours[[TRUE, DISTINGUISHABLE]].sum(axis=0), wanted["both"] + wanted["fewer"])


@pytest.mark.parametrize("resolving", [False, True])
@pytest.mark.parametrize("ports", STRAYS)
def test_every_cause_equals_its_projection_where_stray_photons_are_twins(
    ports: tuple[int, ...], resolving: bool
) -> None:
    for at in random_stations(ports, 50, seed=8, resolving=resolving):
        twins = at._replace(twins=True)
        ours, wanted = twins.ours(), fock(twins)
        close(ours[DARK], wanted["dark"])
        close(ours[SECOND], wanted["second"])
        close(ours[[TRUE, DISTINGUISHABLE]].sum(axis=0), wanted["both"] + wanted["fewer"])


def test_a_lost_twin_leaves_the_memories_without_coherence_and_changes_no_click() -> None:
    lost = click_states_by_cause((0.4, 0.7), 0.9, 0.02, twins=(0.0, None))
    alone = click_states_by_cause((0.4, 0.7), 0.9, 0.02)
    close(lost, alone * np.eye(4), atol=1e-16)
    assert np.abs(alone - lost).max() > 0.01


def test_two_photons_of_one_emitter_in_one_bin_never_herald() -> None:
    states = click_states_by_cause((0.8, 0.0), 1.0, 0.0, twins=(0.6, None))
    assert not states[:, ACCEPTED].any()
    random = click_states_by_cause((0.8, 0.0), 1.0, 0.0, strays=[0.6])
    assert np.trace(random[SECOND, ACCEPTED].sum(axis=0)) == pytest.approx(0.24)


@pytest.mark.parametrize("resolving", [False, True])
@pytest.mark.parametrize("ports", [(), (1,), (0, 1)])
def test_part_i_of_a_pair_behaves_as_equal_photons_and_the_rest_as_strangers(
    ports: tuple[int, ...], resolving: bool
) -> None:
    for at in random_stations(ports, 10, seed=4, resolving=resolving):
        equal, strangers = (fock(at._replace(overlap=overlap)) for overlap in (1.0, 0.0))
        ours = at.ours()
        close(ours[TRUE], at.overlap * equal["both"] + equal["fewer"])
        close(ours[DISTINGUISHABLE], (1 - at.overlap) * strangers["both"])


@pytest.mark.parametrize("resolving", [False, True])
@pytest.mark.parametrize("dead", [0b0001, 0b0110, 0b1000, 0b1011, 0b1111])
def test_detectors_that_see_nothing_neither_click_nor_spoil_a_count(
    dead: int, resolving: bool
) -> None:
    for at in random_stations((0, 1), 8, seed=5, resolving=resolving):
        ours, wanted = at._replace(dead=dead).ours(), fock(at._replace(dead=dead))
        close(ours[DARK], wanted["dark"])
        close(ours[SECOND], wanted["second"])
        close(ours[[TRUE, DISTINGUISHABLE]].sum(axis=0), wanted["both"] + wanted["fewer"])


def test_threshold_detectors_that_see_nothing_are_those_whose_clicks_go_unseen() -> None:
    """But for the causes: what lights a detector that sees nothing causes no herald."""
    for at, dead in product(random_stations((0, 1), 3, seed=6), range(16)):
        unseen = blind(at.ours(), dead)
        states = at._replace(dead=dead).ours()
        close(states.sum(axis=0), unseen.sum(axis=0), atol=1e-15)
        surplus = np.trace(states - unseen, axis1=2, axis2=3)[:, :N_CLICK_SETS]
        assert surplus[DARK].max() <= 1e-15
        assert surplus[[TRUE, DISTINGUISHABLE]].min() >= -1e-15


# --- properties ----------------------------------------------------------------------------------

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)
unit = st.floats(0, 1)
many = st.lists(unit, max_size=3)


@fixed
@given(unit, unit, unit, unit, many, st.booleans(), st.integers(0, 15))
def test_causes_are_positive_and_their_chances_sum_to_one(
    e1: float, e2: float, overlap: float, pd: float, strays: list[float], counts: bool, dead: int
) -> None:
    states = click_states_by_cause(
        (e1, e2), overlap, pd, strays=strays, number_resolving=counts, dead=dead
    )
    assert states.shape == (len(CAUSES), 2 * N_CLICK_SETS, 4, 4)
    assert np.linalg.eigvalsh(states).min() > -1e-15
    close(states.sum(axis=(0, 1)), np.eye(4) / 4, atol=1e-14)
    assert not any(states[:, clicks].any() for clicks in range(32) if clicks & dead)


@fixed
@given(unit, unit, unit, unit, many)
def test_threshold_detectors_see_counted_clicks_without_their_numbers(
    e1: float, e2: float, overlap: float, pd: float, strays: list[float]
) -> None:
    counted, seen = (
        click_states_by_cause((e1, e2), overlap, pd, strays=strays, number_resolving=resolving)
        for resolving in (True, False)
    )
    close(counted[:, :16] + counted[:, 16:], seen[:, :16], atol=1e-15)
    assert not seen[:, 16:].any()


@fixed
@given(unit, unit, unit, unit, many)
def test_stray_photons_and_dark_counts_herald_white_memories_where_no_qubit_arrives(
    e1: float, e2: float, overlap: float, pd: float, strays: list[float]
) -> None:
    del e1, e2
    states = click_states_by_cause((0.0, 0.0), overlap, pd, strays=strays)
    chances = np.trace(states, axis1=2, axis2=3)
    close(states, chances[..., None, None] * np.eye(4) / 4, atol=1e-15)
    assert not states[DISTINGUISHABLE].any()


@fixed
@given(st.floats(1e-6, 1), st.floats(1e-6, 1), st.floats(0, 1e-3))
def test_second_emission_falsifies_by_the_printed_leading_order(
    e1: float, e2: float, p2: float
) -> None:
    """p2 (e1 + e2)^2/(e1 e2) of the true heralds, for p2 an arm and small efficiencies."""
    e1, e2 = e1 * 1e-3, e2 * 1e-3
    falsely = truly = 0.0
    for first, second in product((0, 1), (0, 1)):
        weight = math.prod(p2 if twice else 1 - p2 for twice in (first, second))
        strays = [e for e, twice in ((e1, first), (e2, second)) if twice]
        chances = np.trace(
            click_states_by_cause((e1, e2), 1.0, 0.0, strays=strays), axis1=2, axis2=3
        )[:, ACCEPTED].sum(axis=1)
        truly += weight * chances[TRUE]
        falsely += weight * chances[SECOND]
    leading = p2 * (e1 + e2) ** 2 / (e1 * e2)
    corrections = 5e-3 * leading + 2 * p2 * leading
    assert falsely / truly == pytest.approx(leading, abs=corrections + 1e-300)


# --- the coincidence window ----------------------------------------------------------------------

BINS = 5
"""Instants at which photons and dark counts can click."""


class Packets(NamedTuple):
    """Two wave packets on a grid of instants, and how far two clicks may lie apart."""

    first: NDArray[np.complex128]
    second: NDArray[np.complex128]
    window: int

    @property
    def near(self) -> NDArray[np.bool_]:
        instants = np.arange(BINS)
        return np.abs(instants[:, None] - instants) <= self.window

    @property
    def overlaps(self) -> tuple[float, float]:
        """Returns I of all pairs of clicks and of those that are coincident."""
        beat = self.first * self.second.conj()
        one, two = np.abs(self.first) ** 2, np.abs(self.second) ** 2
        weight = one @ self.near @ two
        return abs(beat.sum()) ** 2, float((beat @ self.near @ beat.conj()).real / weight)

    @property
    def kept(self) -> Kept:
        one, two, dark = np.abs(self.first) ** 2, np.abs(self.second) ** 2, np.full(BINS, 1 / BINS)
        return Kept(*(float(a @ self.near @ b) for a, b in _couples(one, two, dark)))


def _couples(one: object, two: object, dark: object) -> list[tuple]:
    return [(one, two), (one, dark), (two, dark), (dark, dark)]


def packets(seed: int) -> Packets:
    """Returns random packets; of odd seeds, photons that beat from one instant to the next."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, BINS)) + 1j * rng.normal(size=(2, BINS))
    if seed % 2:
        first, second = np.abs(first), np.abs(second) * (-1) ** np.arange(BINS)
    return Packets(first / np.linalg.norm(first), second / np.linalg.norm(second), window=1)


def amplitudes(shape: Packets, e1: float, e2: float) -> list[tuple[float, dict[tuple, dict]]]:
    """Returns what two entangled photons do: for each way of being lost, who clicks when.

    Each way is a weight and, for each pattern of clicks ((detector, instant), ...) in order, the
    amplitudes of the memories' basis states. Photons are bosons: the two assignments of a pattern
    to the photons add up; one in one mode twice has sqrt(2).
    """
    ways = []
    for there in product((0, 1), (0, 1)):
        weight = math.prod(e if t else 1 - e for e, t in zip((e1, e2), there, strict=True))
        by_hidden: dict[tuple, dict[tuple, dict]] = {}
        for basis, polarisations in enumerate(product((0, 1), (0, 1))):
            # A lost photon's polarisation stays outside, and tells the memories' states apart.
            hidden = tuple(p for p, t in zip(polarisations, there, strict=True) if not t)
            options = []
            for port, t in enumerate(there):
                wave = (shape.first, shape.second)[port]
                options.append(
                    [
                        ((2 * out + polarisations[port], k), wave[k] * sign / math.sqrt(2))
                        for out, sign in ((0, 1), (1, -1 if port else 1))
                        for k in range(BINS)
                    ]
                    if t
                    else [(None, 1.0)]
                )
            table = by_hidden.setdefault(hidden, {})
            for (a, x), (b, y) in product(*options):
                clicks = tuple(sorted(c for c in (a, b) if c is not None))
                twice = math.sqrt(2) if len(clicks) == 2 and a == b else 1.0
                amplitude = table.setdefault(clicks, np.zeros(4, complex))
                amplitude[basis] += x * y * twice / 2
        ways += [(weight, table) for table in by_hidden.values()]
    return ways


def timed_click_states(
    shape: Packets, e1: float, e2: float, pd: float
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """Returns the states (16, 4, 4) of kept click sets and of all, from every click's instant.

    A detector clicks at its first photon, or at its dark count, a random instant, where no photon
    lights it.
    """
    kept, everything = np.zeros((2, 16, 4, 4), complex)
    instants = list(product(range(-1, BINS), repeat=4))  # of the dark counts; -1 for none
    chances = [math.prod(1 - pd if k < 0 else pd / BINS for k in dark) for dark in instants]
    by_clicks: dict[tuple, NDArray[np.complex128]] = {}
    for weight, table in amplitudes(shape, e1, e2):
        for clicks, amplitude in table.items():
            state = weight * np.outer(amplitude, amplitude.conj())
            by_clicks[clicks] = by_clicks.get(clicks, 0) + state
    for clicks, state in by_clicks.items():
        for dark, chance in zip(instants, chances, strict=True):
            first: dict[int, int] = {d: k for d, k in enumerate(dark) if k >= 0}
            first |= dict(reversed(clicks))
            lit = sum(1 << d for d in first)
            apart = max(first.values(), default=0) - min(first.values(), default=0)
            everything[lit] += chance * state
            if len(first) != 2 or apart <= shape.window:
                kept[lit] += chance * state
    return kept, everything


def ours(shape: Packets, e1: float, e2: float, pd: float) -> NDArray[np.float64]:
    overlap, coincident = shape.overlaps
    return click_states_by_cause(
        (e1, e2), overlap, pd, kept=shape.kept, coincident_overlap=coincident
    )


SEEDS = [1, 2, 3, 4]


def test_the_packets_have_overlaps_of_both_signs() -> None:
    coincident = [packets(seed).overlaps[1] for seed in SEEDS]
    assert min(coincident) < -0.1
    assert max(coincident) > 0.1


@pytest.mark.parametrize("seed", SEEDS)
def test_accepted_coincidences_equal_an_enumeration_of_every_clicks_instant(seed: int) -> None:
    shape = packets(seed)
    rng = np.random.default_rng(seed)
    e1, e2 = map(float, rng.random(2))
    kept, _ = timed_click_states(shape, e1, e2, 0.0)
    close(ours(shape, e1, e2, 0.0).sum(axis=0)[ACCEPTED], kept[ACCEPTED])


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_a_dark_count_beside_a_photon_passes_the_window_as_often_as_enumerated(seed: int) -> None:
    """But for a dark count beside two photons in one detector, which counts as beside either."""
    shape = packets(seed)
    e1, e2 = map(float, np.random.default_rng(seed).random(2))
    pd = 0.2
    kept, everything = timed_click_states(shape, e1, e2, pd)
    states = ours(shape, e1, e2, pd)
    both_sides = states.sum(axis=0)
    overlap, _ = shape.overlaps
    for clicks in ACCEPTED:
        off = both_sides[clicks] - kept[clicks]
        bunched = (1 - pd) ** 2 * pd * e1 * e2 * (1 + overlap) / 16
        close(off - np.diag(np.diag(off)), 0)
        close(np.diag(off)[[1, 2]], 0)
        assert np.abs(np.diag(off)[[0, 3]]).max() < 0.3 * bunched
    # Nothing is lost: what the window refuses is discarded.
    for clicks in range(16):
        total = both_sides[clicks] + both_sides[clicks | DISCARDED]
        close(np.trace(total), np.trace(everything[clicks]))


@pytest.mark.parametrize("overlap", [-1.0, -0.4, -1e-9])
def test_photons_in_antiphase_herald_the_other_bell_state(overlap: float) -> None:
    e1, e2, photons = 0.6, 0.3, 0.7
    states = click_states_by_cause(
        (e1, e2), 0.2, 0.0, kept=Kept(photons=photons), coincident_overlap=overlap
    )
    for name, other in (("psi+", "psi-"), ("psi-", "psi+")):
        for clicks in BELL_PATTERNS[name]:
            pure = np.outer(BELL[other], BELL[other])
            close(states[TRUE, clicks], photons * e1 * e2 / 8 * -overlap * pure, atol=1e-16)
            both = states[:, clicks].sum(axis=0)
            assert np.trace(both) == pytest.approx(photons * e1 * e2 / 8, rel=1e-14)
            fidelity = BELL[name] @ both @ BELL[name] / np.trace(both)
            assert fidelity == pytest.approx((1 + overlap) / 2, abs=1e-15)
    assert np.linalg.eigvalsh(states).min() > -1e-16


@fixed
@given(unit, unit, unit, unit, many, st.tuples(unit, unit, unit, unit), st.floats(-1, 1))
def test_a_window_discards_coincidences_and_changes_nothing_else(
    e1: float,
    e2: float,
    overlap: float,
    pd: float,
    strays: list[float],
    shares: tuple[float, float, float, float],
    coincident: float,
) -> None:
    gated = click_states_by_cause((e1, e2), overlap, pd, strays=strays)
    states = click_states_by_cause(
        (e1, e2), overlap, pd, strays=strays, kept=Kept(*shares), coincident_overlap=coincident
    )
    assert np.linalg.eigvalsh(states).min() > -1e-15
    chances, before = (np.trace(s, axis1=2, axis2=3) for s in (states, gated))
    close((chances[:, :16] + chances[:, 16:])[2:], before[2:, :16], atol=1e-14)
    close(chances.sum(axis=0)[:16] + chances.sum(axis=0)[16:], before.sum(axis=0)[:16], atol=1e-14)
    for clicks in range(16):
        if clicks.bit_count() == 2:
            low, high = min(shares), max(shares)
            share = chances[:, clicks].sum() - np.array([low, high]) * before[:, clicks].sum()
            assert share[0] >= -1e-14
            assert share[1] <= 1e-14
        else:
            close(states[:, clicks], gated[:, clicks], atol=1e-15)


def test_without_a_window_or_stray_light_the_causes_add_up_to_the_plain_map() -> None:
    for at in random_stations((), 20, seed=7):
        plain = two_photon_click_states(at.efficiencies, at.overlap, at.pd)
        everywhere = click_states_by_cause(at.efficiencies, at.overlap, at.pd, kept=ALL_KEPT)
        close(everywhere.sum(axis=0)[:16], plain, atol=1e-16)


def test_a_stray_photon_beside_a_dark_count_passes_the_window_as_a_photon_does() -> None:
    kept = Kept(0.9, 0.5, 0.3, 0.1)
    states = click_states_by_cause((0.0, 0.0), 1.0, 0.1, strays=[0.5], kept=kept)
    gated = click_states_by_cause((0.0, 0.0), 1.0, 0.1, strays=[0.5])
    none = click_states_by_cause((0.0, 0.0), 1.0, 0.1, strays=[0.0], kept=kept)
    pattern = click_set(["H1", "V1"])
    beside_stray = np.trace(states[DARK, pattern] - 0.5 * none[DARK, pattern])
    alone = click_states_by_cause((0.0, 0.0), 1.0, 0.1)
    wanted = 0.4 * np.trace(gated[DARK, pattern] - 0.5 * alone[DARK, pattern])
    assert beside_stray == pytest.approx(wanted, rel=1e-12)
