"""Swapped pairs against QuTiP, against creation operators multiplied out, against exact sums.

Three computations share nothing with the module but the detectors' definition:

- QuTiP, pair number by pair number: twenty modes (four detectors in two wave packets, the users'
  outputs, six lossy places), as many photons as there are, so that there is nothing to cut off;
- the same optics multiplied out by hand for more pairs than that Fock space has room for;
- the squeezed sources in full, by determinants in 60-digit decimals: P(silence) of a Gaussian
  state, inclusion and exclusion.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import product
from math import pi, sqrt

import numpy as np
import pytest
import qutip
from creation import (
    HV,
    Counts,
    Eye,
    Rules,
    analyser,
    assert_click_sets_share_their_heralds,
    count_by_hand,
    count_by_qutip,
    herald_chances,
    loss,
    one_each,
    outcome_chances,
    pairs,
    station,
    together,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.physics import photonic, swapping
from qnetsim.physics.fock import Detector
from qnetsim.physics.interference import BELL_PATTERNS, two_photon_click_states
from qnetsim.physics.photonic import PhotonicLink
from qnetsim.physics.swapping import HERALDS, EntangledPairs, Station, swapped_pairs

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)
unit = st.floats(0, 1)

MODES = [
    *[(user, sign) for user in ("alice", "bob") for sign in "+-"],
    *[("lost", arm, p) for arm in ("A", "a", "c", "B") for p in HV],
    *[("bsm", out, p, packet) for out in (1, 2) for p in HV for packet in "fg"],
]


def exactly(n: int, gains: tuple[float, float] = (1.0, 1.0)) -> EntangledPairs:
    return EntangledPairs((0.0,) * n + (1.0,), (gains[0] ** 2, gains[1] ** 2))


class Hardware:
    """A random link with sources that favour a polarisation, and one pair of settings."""

    def __init__(self, rng: np.random.Generator) -> None:
        random = [float(x) for x in rng.random(10)]
        self.transmissions, self.overlap = (random[0], random[1]), random[2]
        self.efficiency, self.dark = random[3], random[4] / 2
        self.resolves = bool(rng.integers(2))
        self.users = (random[5], random[6] / 2), (random[7], random[8] / 2)
        self.angles = tuple(float(x) for x in rng.uniform(-pi, pi, 2))
        self.gains = [tuple(float(x) for x in rng.random(2)) for _ in range(2)]

    def link(self, n: int, m: int) -> PhotonicLink:
        detector = Detector(self.efficiency, self.dark, self.resolves)
        users = Detector(*self.users[0]), Detector(*self.users[1])
        place = Station(detector, self.transmissions, self.overlap)
        first, second = self.gains
        return swapped_pairs((exactly(n, first), exactly(m, second)), place, users)

    def light(self, n: int, m: int) -> list:
        return together(pairs(n, "A", "a", self.gains[0]), pairs(m, "c", "B", self.gains[1]))

    def table(self, n: int, m: int) -> np.ndarray:
        x, y = self.angles
        return photonic.outcome_probabilities(self.link(n, m), [x], [y])[0, :, 0, 0]

    def at_station(self) -> Rules:
        return {
            **loss("a", self.transmissions[0], "a'"),
            **loss("c", self.transmissions[1], "c'"),
            **station("bsm", "a'", "c'", self.overlap),
        }

    def rules(self) -> Rules:
        return {
            **self.at_station(),
            **loss("A", self.users[0][0], "A'"),
            **analyser("A'", self.angles[0], "alice"),
            **loss("B", self.users[1][0], "B'"),
            **analyser("B'", self.angles[1], "bob"),
        }

    def counted(self, counts: Counts) -> np.ndarray:
        """(4 click sets, 4, 4)."""
        eye = Eye(self.efficiency, self.dark, self.resolves)
        alice, bob = (Eye(1.0, dark) for _, dark in self.users)
        return np.einsum(
            "ht,at,bt,t->hab",
            herald_chances(counts, "bsm", eye),
            outcome_chances(counts, "alice", alice),
            outcome_chances(counts, "bob", bob),
            counts.chances,
        )


@pytest.mark.parametrize("seed", range(50))
def test_heralds_and_outcomes_of_up_to_two_pairs_are_those_of_qutip(seed: int) -> None:
    hardware = Hardware(np.random.default_rng([21, seed]))
    for n, m in ((0, 0), (1, 0), (0, 1), (1, 1), (2, 0), (0, 2)):
        counts = count_by_qutip(hardware.light(n, m), hardware.rules(), MODES)
        assert counts.chances.sum() == pytest.approx(1, abs=1e-13)
        table = hardware.table(n, m)
        assert_click_sets_share_their_heralds(table, hardware.counted(counts))


HELD = [(user, p) for user in "AB" for p in HV] + [
    mode for mode in MODES if mode[0] == "bsm" or mode[:2] in (("lost", "a"), ("lost", "c"))
]


@pytest.mark.parametrize("seed", range(50))
def test_the_users_hold_the_state_of_qutip_up_to_one_photon_each(seed: int) -> None:
    """One pair a source never leaves more, two pairs of Alice's source always do."""
    hardware = Hardware(np.random.default_rng([28, seed]))
    one_each_at = np.ix_([4, 5, 7, 8], [4, 5, 7, 8])
    for n, m in ((1, 0), (0, 1), (1, 1), (2, 0)):
        counts = count_by_qutip(hardware.light(n, m), hardware.at_station(), HELD)
        eye = Eye(hardware.efficiency, hardware.dark, hardware.resolves)
        state = photonic.users_state(hardware.link(n, m))[0]
        chances = herald_chances(counts, "bsm", eye).reshape(2, 2, -1).sum(axis=1)
        for held, weights in zip(state, chances, strict=True):
            expected = one_each(counts, weights, ("A", "B"))
            np.testing.assert_allclose(held[one_each_at], expected, rtol=0, atol=1e-10)
            missing = weights @ counts.chances - expected.trace()
            other = held.trace() - expected.trace()
            assert other == pytest.approx(0 if n > 1 else missing, abs=1e-10)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)])
def test_heralds_and_outcomes_of_more_pairs_are_those_of_multiplied_creation_operators(n, m):
    for seed in range(10):
        hardware = Hardware(np.random.default_rng([22, n, m, seed]))
        counts = count_by_hand(hardware.light(n, m), hardware.rules())
        assert counts.chances.sum() == pytest.approx(1, abs=1e-12)
        assert_click_sets_share_their_heralds(hardware.table(n, m), hardware.counted(counts))


# --- squeezed sources ----------------------------------------------------------------------------


@pytest.mark.parametrize("first_share", [0.0, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("mean_pairs", [1e-3, 0.02, 0.3])
def test_squeezed_sources_have_the_pair_numbers_of_qutips_squeezers(mean_pairs, first_share):
    """One a polarisation; the levels suffice, as one more level in eight changes nothing."""
    found = []
    for levels in (24, 32):
        each = [
            _squeezed_numbers(mean_pairs * share, levels)
            for share in (first_share, 1 - first_share)
        ]
        assert [one.sum() for one in each] == pytest.approx([1, 1], abs=1e-10)
        found.append(np.multiply.outer(*each)[:20, :20])
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-10)
    source = swapping.squeezed_pairs(mean_pairs, first_share)
    ours = np.zeros((source.photons + 1, source.photons + 1))
    for h, v in np.ndindex(ours.shape):
        if h + v <= source.photons:
            projector = np.zeros((*ours.shape, *ours.shape))
            projector[h, v, h, v] = 1.0
            ours[h, v] = source.pull_back(projector).sum()
    size = min(len(ours), 20)
    np.testing.assert_allclose(ours[:size, :size], found[1][:size, :size], rtol=0, atol=1e-10)
    numbers = np.arange(len(source.pairs))
    assert np.dot(source.pairs, numbers) == pytest.approx(mean_pairs, rel=1e-9)


def _squeezed_numbers(mean_pairs: float, levels: int) -> np.ndarray:
    """The photon numbers of one two-mode squeezer."""
    gain = np.arcsinh(sqrt(mean_pairs))
    a, b = (
        qutip.tensor(qutip.destroy(levels), qutip.qeye(levels)),
        qutip.tensor(qutip.qeye(levels), qutip.destroy(levels)),
    )
    vacuum = qutip.basis([levels, levels], [0, 0])
    state = _expm_multiply(gain * (a.dag() * b.dag() - a * b), vacuum)
    return np.abs(state[:: levels + 1, 0]) ** 2


def _expm_multiply(generator: qutip.Qobj, ket: qutip.Qobj) -> np.ndarray:
    from scipy.sparse.linalg import expm_multiply

    return expm_multiply(generator.to("csr").data.as_scipy().tocsc(), ket.full())


def determinant(matrix: list[list[Decimal]]) -> Decimal:
    rows, result = [list(row) for row in matrix], Decimal(1)
    for i in range(len(rows)):
        pivot = max(range(i, len(rows)), key=lambda r: abs(rows[r][i]))
        if pivot != i:
            rows[i], rows[pivot] = rows[pivot], rows[i]
            result = -result
        result *= rows[i][i]
        for r in range(i + 1, len(rows)):
            factor = rows[r][i] / rows[i][i]
            rows[r] = [x - factor * y for x, y in zip(rows[r], rows[i], strict=True)]
    return result


class Exact:
    """Two squeezed sources at a station, in decimals.

    <:exp(-n.T.n):> of exp(s L u)|0>, s the station's modes (aH, aV, cH, cV), u the users', is
    det(1 - L^2)/det(1 - L X_s L X_u), X = 1 - T: silence of detectors is T = sum of their modes'
    projectors times the efficiency.
    """

    def __init__(self, mean_pairs, shares, place: Station, users, angles) -> None:
        self.place, self.users = place, users
        means = [
            Decimal(mu) * part
            for mu, share in zip(mean_pairs, shares, strict=True)
            for part in (Decimal(share), 1 - Decimal(share))
        ]
        squares = [mean / (1 + mean) for mean in means]
        self.gains = [x.sqrt() for x in squares]
        self.norm = Decimal(1)
        for x in squares:
            self.norm *= 1 - x
        self.axes = []
        for angle in angles:
            cos = Decimal(float(np.cos(angle)))
            self.axes.append((cos, (1 - cos * cos).sqrt().copy_sign(Decimal(np.sin(angle)))))

    def silence(self, station_off: list[tuple[int, str]], users_off: list[tuple[int, str]]):
        """The chance that these detectors are silent: (output, polarisation), (user, sign)."""
        x_s = [[Decimal(i == j) for j in range(4)] for i in range(4)]
        e = Decimal(self.place.detector.efficiency)
        first, second = map(Decimal, self.place.transmissions)
        cross = (first * second * Decimal(self.place.overlap)).sqrt()
        for out, p in station_off:
            a, c = HV.index(p), 2 + HV.index(p)
            x_s[a][a] -= e * first / 2
            x_s[c][c] -= e * second / 2
            x_s[a][c] -= e * cross * (3 - 2 * out) / 2
            x_s[c][a] = x_s[a][c]
        x_u = [[Decimal(i == j) for j in range(4)] for i in range(4)]
        darks = [self.place.detector.dark_probability] * len(station_off)
        for user, sign in users_off:
            cos, sin = self.axes[user]
            vector = (cos, sin) if sign == "+" else (-sin, cos)
            for i, j in product(range(2), repeat=2):
                e_user = Decimal(self.users[user].efficiency)
                x_u[2 * user + i][2 * user + j] -= e_user * vector[i] * vector[j]
            darks.append(self.users[user].dark_probability)
        matrix = [
            [
                Decimal(i == j)
                - sum(self.gains[i] * x_s[i][k] * self.gains[k] * x_u[k][j] for k in range(4))
                for j in range(4)
            ]
            for i in range(4)
        ]
        result = self.norm / determinant(matrix)
        for pd in darks:
            result *= 1 - Decimal(pd)
        return result

    def chance(self, lit: list[tuple[int, str]], a: str | None = None, b: str | None = None):
        """P of one click set and of outcomes; None does not ask."""
        off = [(o, p) for o in (1, 2) for p in HV if (o, p) not in lit]
        users_on, users_off = [], []
        for user, outcome in ((0, a), (1, b)):
            for sign in "+-" if outcome is not None else "":
                clicked = outcome in (sign, "both")
                (users_on if clicked else users_off).append((user, sign))
        total = Decimal(0)
        for chosen in product((0, 1), repeat=2 + len(users_on)):
            more = [d for d, on in zip(lit, chosen[:2], strict=True) if on]
            also = [d for d, on in zip(users_on, chosen[2:], strict=True) if on]
            total += (-1) ** sum(chosen) * self.silence(off + more, users_off + also)
        return total


LIT = {"psi+": [(1, "H"), (1, "V")], "psi-": [(1, "H"), (2, "V")]}


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def squeezed_case(rng: np.random.Generator) -> tuple:
    mean_pairs = log_uniform(rng, 1e-5, 0.3), log_uniform(rng, 1e-5, 0.3)
    detector = Detector(float(rng.uniform(0.2, 1)), log_uniform(rng, 1e-10, 1e-3) * rng.integers(2))
    transmissions = log_uniform(rng, 1e-3, 1), log_uniform(rng, 1e-3, 1)
    place = Station(detector, transmissions, float(rng.choice([1.0, rng.random()])))
    users = tuple(
        Detector(float(rng.uniform(0.2, 1)), log_uniform(rng, 1e-9, 1e-3)) for _ in range(2)
    )
    return mean_pairs, place, users, tuple(rng.uniform(-pi, pi, 2))


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("seed", range(50))
def test_probabilities_down_to_1e_12_keep_nine_digits_against_exact_determinants(seed, balanced):
    rng = np.random.default_rng([23, seed])
    mean_pairs, place, users, angles = squeezed_case(rng)
    shares = (0.5, 0.5) if balanced else tuple(float(x) for x in rng.random(2))
    sources = tuple(
        swapping.squeezed_pairs(mu, share, tail=1e-12)
        for mu, share in zip(mean_pairs, shares, strict=True)
    )
    link = swapped_pairs(sources, place, users)
    table = photonic.outcome_probabilities(link, *[[angle] for angle in angles])[0, :, 0, 0]
    heralds = photonic.herald_probability(link)[0]
    h = seed % 2
    with localcontext() as context:
        context.prec = 60
        exact = Exact(mean_pairs, shares, place, users, angles)
        lit = LIT[HERALDS[h]]
        total = 2 * exact.chance(lit)
        assert abs(Decimal(heralds[h]) / total - 1) < Decimal("1e-9")
        # H and V click on their own, each as in a balanced source twice as strong.
        alone = [
            swapping.swap_herald_probability(
                tuple(2 * mu * part for mu, part in zip(mean_pairs, parts, strict=True)), place
            )
            for parts in (shares, [1 - share for share in shares])
        ]
        assert sqrt(alone[0] * alone[1]) / 2 == pytest.approx(float(total), rel=1e-12)
        cells = list(product(enumerate(("none", "+", "-", "both")), repeat=2))
        for i in rng.permutation(16)[:6]:
            (a, outcome_a), (b, outcome_b) = cells[i]
            cell = 2 * exact.chance(lit, outcome_a, outcome_b)
            error = abs(Decimal(table[h, a, b]) - cell)
            assert error < Decimal("1e-9") * max(cell, Decimal("1e-12"))


@pytest.mark.parametrize("resolves", [False, True])
@fixed
@given(
    means=st.tuples(st.floats(1e-6, 0.5), st.floats(1e-6, 0.5)),
    transmissions=st.tuples(st.floats(1e-6, 1), st.floats(1e-6, 1)),
    efficiency=st.floats(1e-3, 1),
    dark=unit,
    overlap=unit,
)
def test_the_closed_form_is_the_sum_over_pair_numbers(
    resolves, means, transmissions, efficiency, dark, overlap
):
    place = Station(Detector(efficiency, dark, resolves), transmissions, overlap)
    sources = tuple(swapping.squeezed_pairs(mu) for mu in means)
    link = swapped_pairs(sources, place, (Detector(1.0), Detector(1.0)))
    summed = photonic.herald_probability(link).sum()
    closed = swapping.swap_herald_probability(means, place)
    assert summed == pytest.approx(closed, rel=3e-10, abs=0)


# --- what stands behind a herald -----------------------------------------------------------------


def weak_link(mu: float, transmissions: tuple[float, float]) -> PhotonicLink:
    source = swapping.squeezed_pairs(mu)
    return swapped_pairs(
        (source, source), Station(Detector(0.9), transmissions), (Detector(0.8), Detector(0.8))
    )


def test_half_of_the_heralds_of_weak_sources_hold_two_photons_on_one_side_and_none_on_the_other():
    """The other half is true coincidences; the rest falls in proportion to the gain."""
    rest = []
    for mu in (1e-3, 1e-4, 1e-5):
        link = weak_link(mu, (1e-2, 1e-2))
        total = photonic.herald_probability(link)
        shares = photonic.herald_shares(link)
        assert shares.pair / total == pytest.approx(np.full((1, 2), 0.5), abs=2 * mu)
        assert shares.vacuum / total == pytest.approx(np.full((1, 2), 0.5), abs=3 * mu)
        state = photonic.users_state(link, photons=2)
        number = [sum(at) for at in photonic.polarisation_basis(2)]
        held = np.einsum("ghiijj->ghij", state.reshape(1, 2, 6, 6, 6, 6).swapaxes(3, 4))
        false = sum(
            held[:, :, i, j]
            for i, j in product(range(6), repeat=2)
            if (number[i], number[j]) in ((0, 2), (2, 0))
        )
        assert false / total == pytest.approx(np.full((1, 2), 0.5), abs=10 * mu)
        rest.append(float(1 - (shares.pair / total)[0, 0] - (false / total)[0, 0]))
    assert rest[0] / rest[1] == pytest.approx(10, rel=0.02)
    assert rest[1] / rest[2] == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("ratio", [0.01, 0.3, 1.0, 4.0])
def test_unequal_arms_lower_the_share_of_true_pairs(ratio: float) -> None:
    link = weak_link(1e-6, (1e-3, 1e-3 * ratio))
    share = photonic.herald_shares(link).pair / photonic.herald_probability(link)
    expected = 2 * ratio / (1 + ratio) ** 2
    np.testing.assert_allclose(share, expected, rtol=1e-4)


def test_heralds_fall_as_the_loss_with_the_station_midway_and_as_its_square_at_one_end() -> None:
    detector = Detector(0.9)

    def midway(eta: float) -> float:
        place = Station(detector, (sqrt(eta), sqrt(eta)))
        return swapping.swap_herald_probability((1e-3, 1e-3), place)

    def at_one_end(eta: float) -> float:
        return swapping.swap_herald_probability((1e-3, 1e-3 * eta), Station(detector, (eta, 1.0)))

    for law, power in ((midway, 1), (at_one_end, 2)):
        assert law(1e-4) / law(1e-5) == pytest.approx(10**power, rel=1e-3)


def test_shares_of_fixed_pair_numbers_are_what_the_numbers_say() -> None:
    place = Station(Detector(0.8, 0.01), (0.5, 0.7), 0.9)
    users = Detector(0.5), Detector(0.5)
    for n, m, name in ((1, 1, "pair"), (2, 0, "vacuum"), (0, 2, "vacuum"), (2, 1, "multiphoton")):
        link = swapped_pairs((exactly(n), exactly(m)), place, users)
        shares = photonic.herald_shares(link)._asdict()
        quiet = link._replace(bob=link.bob._replace(herald=_without_dark_counts(link)))
        lit = photonic.herald_probability(quiet) * (1 - 0.01) ** 2
        np.testing.assert_allclose(shares.pop(name), lit, rtol=1e-13)
        total = photonic.herald_probability(link)
        np.testing.assert_allclose(shares.pop("dark"), total - lit, rtol=1e-11)
        assert not np.any(list(shares.values()))


def _without_dark_counts(link: PhotonicLink):
    relay = link.bob.herald
    place = relay.station._replace(detector=relay.station.detector._replace(dark_probability=0.0))
    return relay._replace(station=place)


@fixed
@given(seed=st.integers(0, 10**6))
def test_outcomes_sum_to_the_herald_and_signal_nothing(seed: int) -> None:
    rng = np.random.default_rng([24, seed])
    mean_pairs, place, users, _ = squeezed_case(rng)
    sources = tuple(swapping.squeezed_pairs(min(mu, 0.05)) for mu in mean_pairs)
    link = swapped_pairs(sources, place, users)
    table = photonic.outcome_probabilities(link, [0.1, 0.9, -0.4], [0.3, -1.2])
    total = photonic.herald_probability(link)
    assert table.shape == (1, 2, 3, 2, 4, 4)
    assert table.min() >= -1e-16 * total.max()
    np.testing.assert_allclose(
        table.sum(axis=(4, 5)), np.broadcast_to(total[:, :, None, None], (1, 2, 3, 2)), rtol=1e-12
    )
    alice, bob = table.sum(axis=5), table.sum(axis=4)
    tiny = {"rtol": 1e-10, "atol": 1e-14 * total.max()}
    np.testing.assert_allclose(alice[:, :, :, 0], alice[:, :, :, 1], **tiny)
    np.testing.assert_allclose(bob[:, :, 0], bob[:, :, 2], **tiny)
    shares = photonic.herald_shares(link)
    np.testing.assert_allclose(sum(shares), total, rtol=1e-12)
    assert min(share.min() for share in shares) >= 0


@fixed
@given(seed=st.integers(0, 10**6))
def test_alice_and_bob_may_change_places(seed: int) -> None:
    mean_pairs, place, users, (x, y) = squeezed_case(np.random.default_rng([25, seed]))
    sources = tuple(swapping.squeezed_pairs(min(mu, 0.05)) for mu in mean_pairs)
    table = photonic.outcome_probabilities(swapped_pairs(sources, place, users), [x], [y])
    turned = place._replace(transmissions=place.transmissions[::-1])
    other = swapped_pairs(sources[::-1], turned, users[::-1])
    table_2 = photonic.outcome_probabilities(other, [y], [x])
    np.testing.assert_allclose(
        table, table_2.transpose(0, 1, 3, 2, 5, 4), rtol=1e-9, atol=1e-15 * table.max()
    )


# --- states --------------------------------------------------------------------------------------


def test_one_pair_on_demand_leaves_what_two_memories_at_a_station_hold() -> None:
    """The photons that stay behind take the part of the memories."""
    for e1, e2, e, overlap, dark in np.random.default_rng(26).random((50, 5)):
        place = Station(Detector(e, dark), (e1, e2), overlap)
        link = swapped_pairs((exactly(1), exactly(1)), place, (Detector(0.3), Detector(0.9)))
        state = photonic.users_state(link)[0]
        qubits = [4, 5, 7, 8]  # both in (H, V)
        memories = two_photon_click_states((e * e1, e * e2), overlap, dark)
        for h, name in enumerate(HERALDS):
            expected = sum(memories[clicks] for clicks in BELL_PATTERNS[name])
            np.testing.assert_allclose(state[h][np.ix_(qubits, qubits)], expected, atol=1e-14)
            outside = np.delete(np.delete(state[h], qubits, 0), qubits, 1)
            assert not outside.any()


@pytest.mark.parametrize("seed", range(50))
def test_the_users_state_gives_the_outcomes_of_perfect_analysers(seed: int) -> None:
    """Up to four photons a side: POVMs made by QuTiP on the state against the table."""
    rng = np.random.default_rng([27, seed])
    place = Station(Detector(*rng.random(2)), tuple(rng.random(2)), float(rng.random()))
    sources = EntangledPairs((0.2, 0.5, 0.3)), EntangledPairs((0.1, 0.6, 0.3))
    link = swapped_pairs(sources, place, (Detector(1.0), Detector(1.0)))
    angles = rng.uniform(-pi, pi, 2)
    state = photonic.users_state(link, photons=2)[0]
    assert np.linalg.eigvalsh(state).min() > -1e-15
    basis = photonic.polarisation_basis(2)
    at = [3 * h + v for h, v in basis]
    measured = []
    for angle in angles:
        h, v = (
            qutip.tensor(qutip.destroy(3), qutip.qeye(3)),
            qutip.tensor(qutip.qeye(3), qutip.destroy(3)),
        )
        turn = (angle * (h.dag() * v - h * v.dag())).expm()
        outcomes = []
        for has_minus, has_plus in product((False, True), repeat=2):
            diagonal = [
                (p > 0) == has_plus and (m > 0) == has_minus for p in range(3) for m in range(3)
            ]
            effect = turn.dag() * qutip.Qobj(np.diag(diagonal), dims=turn.dims) * turn
            outcomes.append(effect.full().real[np.ix_(at, at)])
        measured.append(outcomes)
    ours = photonic.outcome_probabilities(link, [angles[0]], [angles[1]])[0, :, 0, 0]
    for herald, a, b in product(range(2), range(4), range(4)):
        effect = np.kron(measured[0][a], measured[1][b])
        assert np.trace(state[herald] @ effect) == pytest.approx(ours[herald, a, b], abs=1e-12)


def test_no_light_heralds_by_dark_counts_alone() -> None:
    place = Station(Detector(0.9, 0.01))
    link = swapped_pairs((exactly(0), exactly(0)), place, (Detector(1.0), Detector(1.0)))
    np.testing.assert_allclose(photonic.herald_probability(link), 2 * (0.01 * 0.99) ** 2)
    assert swapping.squeezed_pairs(0.0).pairs == (1.0, 0.0, 0.0)
    assert swapping.swap_herald_probability((0.0, 0.0), place) == pytest.approx(
        4 * (0.01 * 0.99) ** 2
    )
