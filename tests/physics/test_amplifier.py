"""Amplified links against QuTiP, against creation operators multiplied out, and closed forms."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import pi, sqrt

import numpy as np
import pytest
from creation import (
    HV,
    Counts,
    Eye,
    Rules,
    Terms,
    analyser,
    assert_click_sets_share_their_heralds,
    count_by_hand,
    count_by_qutip,
    herald_chances,
    loss,
    outcome_chances,
    pairs,
    photons,
    seen,
    splitter,
    station,
    together,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from qnetsim.physics import photonic
from qnetsim.physics.amplifier import (
    NonDemolition,
    SplitPhotons,
    amplify,
    single_photon_emission,
)
from qnetsim.physics.fock import Detector
from qnetsim.physics.photonic import PhotonicLink, Side
from qnetsim.physics.states import bell_state
from qnetsim.physics.swapping import HERALDS, EntangledPairs, Relay, Station

fixed = settings(derandomize=True, database=None, deadline=None, max_examples=60)
unit = st.floats(0, 1)
inner = st.floats(1e-3, 1 - 1e-3)

ONE_PAIR = EntangledPairs((0.0, 1.0))
PERFECT = Detector(1.0)

# --- the optics ----------------------------------------------------------------------------------


class RandomSide:
    """One side with a qubit amplifier ("photons"), a relay on pairs ("pairs") or neither."""

    def __init__(self, rng: np.random.Generator, name: str, kind: str | None) -> None:
        self.name, self.kind = name, kind
        random = [float(x) for x in rng.random(10)]
        self.transmission, self.local, self.overlap, self.t = random[:4]
        self.eye = Eye(random[4], random[5] / 2, bool(rng.integers(2)))
        self.user = random[6], random[7] / 2
        self.angle = float(rng.uniform(-pi, pi))

    def side(self, emission: tuple[float, ...]) -> Side:
        herald = None
        if self.kind:
            place = Station(Detector(*self.eye), (1.0, self.local), self.overlap)
            source = SplitPhotons(self.t, emission)
            herald = Relay(EntangledPairs(emission) if self.kind == "pairs" else source, place)
        return Side(Detector(*self.user), self.transmission, herald)

    def local_light(self, emission: tuple[float, ...]) -> list[tuple[float, Terms]]:
        """The mixture that the local source emits: (probability, state)."""
        if self.kind == "pairs":
            numbers = enumerate(emission)
            return [(p, pairs(n, self.name + "c", self.name + "out")) for n, p in numbers]
        if self.kind == "photons":
            numbers = product(enumerate(emission), repeat=2)
            return [(p * q, photons(h, v, self.name + "in")) for (h, p), (v, q) in numbers]
        return [(1.0, [(1.0, [])])]

    def rules(self) -> Rules:
        arm, out = self.name, self.name + "out"
        rules = loss(arm, self.transmission, arm + "'" if self.kind else out)
        if self.kind:
            rules |= splitter(arm + "in", self.t, reflected=arm + "c", transmitted=out)
            rules |= loss(arm + "c", self.local, arm + "c'")
            rules |= station(arm + "bsm", arm + "'", arm + "c'", self.overlap)
        return (
            rules | loss(out, self.user[0], out + "'") | analyser(out + "'", self.angle, "@" + arm)
        )

    def modes(self) -> list:
        arm = self.name
        modes = [("@" + arm, sign) for sign in "+-"]
        modes += [("lost", a, p) for a in (arm, arm + "out") for p in HV]
        if self.kind:
            modes += [("lost", arm + "c", p) for p in HV]
            modes += [(arm + "bsm", o, p, f) for o in (1, 2) for p in HV for f in "fg"]
        return modes

    def seen(self, counts: Counts) -> np.ndarray:
        """(click sets, outcomes, terms)."""
        outcomes = outcome_chances(counts, "@" + self.name, Eye(1.0, self.user[1]))
        if not self.kind:
            return outcomes[None]
        return herald_chances(counts, self.name + "bsm", self.eye)[:, None] * outcomes


def counted_table(alice, bob, pair_chances, emission, count) -> np.ndarray:
    """(click sets A, click sets B, 4, 4), summed over what the sources emit."""
    rules = alice.rules() | bob.rules()
    mixtures = [
        [(p, pairs(n, alice.name, bob.name)) for n, p in enumerate(pair_chances)],
        alice.local_light(emission),
        bob.local_light(emission),
    ]
    table = 0.0
    for parts in product(*mixtures):
        chance = np.prod([p for p, _ in parts])
        if chance:
            counts = count(together(*(light for _, light in parts)), rules)
            assert counts.chances.sum() == pytest.approx(1, abs=1e-12)
            both = np.einsum(
                "gat,hbt,t->ghab", alice.seen(counts), bob.seen(counts), counts.chances
            )
            table = table + chance * both
    return table


def our_table(alice, bob, pair_chances, emission) -> np.ndarray:
    link = PhotonicLink(EntangledPairs(pair_chances), alice.side(emission), bob.side(emission))
    return photonic.outcome_probabilities(link, [alice.angle], [bob.angle])[:, :, 0, 0]


def chances(rng: np.random.Generator, n: int) -> tuple[float, ...]:
    weights = rng.random(n)
    return tuple(float(w) for w in weights / weights.sum())


@pytest.mark.parametrize("seed", range(50))
def test_an_amplified_link_is_that_of_qutip(seed: int) -> None:
    """One pair at most and one photon at most a source: four photons in 22 modes."""
    rng = np.random.default_rng([31, seed])
    alice, bob = RandomSide(rng, "A", None), RandomSide(rng, "B", "photons")
    emission, pair_chances = chances(rng, 2), chances(rng, 2)
    modes = alice.modes() + bob.modes()

    def count(light: Terms, rules: Rules) -> Counts:
        return count_by_qutip(light, rules, modes)

    expected = counted_table(alice, bob, pair_chances, emission, count)
    ours = our_table(alice, bob, pair_chances, emission)
    assert_click_sets_share_their_heralds(ours, expected)


@pytest.mark.parametrize(
    "kinds", [("photons", "photons"), ("pairs", "pairs"), ("photons", "pairs")]
)
@pytest.mark.parametrize("seed", range(50))
def test_a_link_with_heralds_on_both_sides_is_that_of_multiplied_creation_operators(kinds, seed):
    rng = np.random.default_rng([32, seed])
    alice, bob = (RandomSide(rng, name, kind) for name, kind in zip("AB", kinds, strict=True))
    expected = counted_table(alice, bob, (0.0, 1.0), (0.0, 1.0), count_by_hand)
    ours = our_table(alice, bob, (0.0, 1.0), (0.0, 1.0))
    assert_click_sets_share_their_heralds(ours, expected)


@pytest.mark.parametrize("kind", ["photons", "pairs"])
@pytest.mark.parametrize("seed", range(25))
def test_double_emission_is_that_of_multiplied_creation_operators(seed: int, kind: str) -> None:
    rng = np.random.default_rng([33, seed])
    alice, bob = RandomSide(rng, "A", None), RandomSide(rng, "B", kind)
    emission, pair_chances = chances(rng, 3), chances(rng, 3)
    expected = counted_table(alice, bob, pair_chances, emission, count_by_hand)
    ours = our_table(alice, bob, pair_chances, emission)
    assert_click_sets_share_their_heralds(ours, expected)


# --- closed forms --------------------------------------------------------------------------------


def amplified(eta: float, t: float, place: Station, emission: float = 1.0) -> PhotonicLink:
    relay = Relay(SplitPhotons(t, (1 - emission, emission)), place)
    return PhotonicLink(ONE_PAIR, Side(PERFECT), Side(PERFECT, eta, relay))


@fixed
@given(eta=unit, t=inner)
def test_perfect_parts_give_the_printed_probabilities_for_all_four_click_sets_together(eta, t):
    """Not for one of them: each of the four has a quarter."""
    printed = {
        True: (1 - eta) * (1 - t) ** 2 + eta * t * (1 - t),
        False: (1 - t) * ((1 - eta) * (1 - t) + eta),
    }
    for resolves, probability in printed.items():
        place = Station(Detector(1.0, 0.0, resolves))
        link = amplified(eta, t, place)
        total = photonic.herald_probability(link)
        assert total.sum() == pytest.approx(probability, rel=1e-13)
        np.testing.assert_allclose(total, probability / len(HERALDS), rtol=1e-13)
        share = eta * t * (1 - t) / probability
        assert photonic.herald_shares(link).pair.sum() == pytest.approx(share * probability)
        assert amplify(eta, t, place) == pytest.approx((probability, share), rel=1e-13)


@fixed
@given(
    eta=unit, t=unit, e=unit, overlap=unit, arms=st.tuples(unit, unit), emission=unit,
    resolves=st.booleans(),
)  # fmt: skip
def test_the_closed_form_is_the_map_for_imperfect_parts(
    eta, t, e, overlap, arms, emission, resolves
):
    place = Station(Detector(e, 0.0, resolves), arms, overlap)
    link = amplified(eta, t, place, emission)
    closed = amplify(eta, t, place, emission)
    assert photonic.herald_probability(link).sum() == pytest.approx(
        closed.herald_probability, rel=1e-12, abs=1e-300
    )
    shares = photonic.herald_shares(link)
    photon = closed.photon_share * closed.herald_probability
    assert shares.pair.sum() == pytest.approx(photon, rel=1e-12, abs=1e-300)
    assert not shares.dark.any()


@pytest.mark.parametrize("resolves", [False, True])
def test_small_probabilities_keep_twelve_digits(resolves: bool) -> None:
    for eta, t, e in ((1e-6, 1 - 1e-6, 0.9), (1e-9, 0.999, 1e-3), (3e-4, 1 - 1e-9, 1.0)):
        table = photonic.herald_probability(amplified(eta, t, Station(Detector(e, 0.0, resolves))))
        n, s, d = Fraction(eta), Fraction(t), Fraction(e)
        m = 2 * (1 - d) if resolves else 2 - d
        exact = d**2 * (1 - s) * ((1 - n) * (1 - s) + n * s + n * (1 - s) * m)
        assert abs(Fraction(float(table.sum())) - exact) <= exact / 10**12


def test_a_transparent_splitter_heralds_photons_only_and_ever_more_rarely() -> None:
    for resolves, gap in product((False, True), (1e-2, 1e-4, 1e-6)):
        place = Station(Detector(1.0, 0.0, resolves))
        heralding = amplify(0.3, 1 - gap, place)
        assert heralding.photon_share == pytest.approx(1, abs=4 * gap)
        assert heralding.herald_probability == pytest.approx(0.3 * gap, rel=4 * gap)
    assert amplify(0.3, 1.0, Station(PERFECT)) == (0, 1)


def test_at_a_fixed_share_of_photons_heralds_fall_as_the_square_of_the_loss() -> None:
    for resolves in (False, True):
        place = Station(Detector(0.9, 0.0, resolves))
        near, far = (amplify(eta, 1 - 0.2 * eta, place) for eta in (1e-4, 1e-6))
        assert near.photon_share == pytest.approx(far.photon_share, rel=1e-3)
        ratio = near.herald_probability / far.herald_probability
        assert ratio == pytest.approx(1e4, rel=1e-3)


@fixed
@given(eta=st.tuples(unit, unit), t=st.tuples(unit, unit), e=unit, resolves=st.booleans())
def test_heralds_of_two_amplifiers_are_independent_given_one_pair(eta, t, e, resolves):
    place = Station(Detector(e, 0.0, resolves))
    sides = [Side(PERFECT, n, Relay(SplitPhotons(s), place)) for n, s in zip(eta, t, strict=True)]
    both = photonic.herald_probability(PhotonicLink(ONE_PAIR, *sides))
    apart = [amplify(n, s, place).herald_probability / 2 for n, s in zip(eta, t, strict=True)]
    np.testing.assert_allclose(both, np.full((2, 2), apart[0] * apart[1]), rtol=1e-12)


# --- what the users hold -------------------------------------------------------------------------


def test_the_amplified_state_is_a_bell_state_mixed_with_vacuum() -> None:
    eta, t = 0.2, 0.9
    link = amplified(eta, t, Station(PERFECT))
    state = photonic.users_state(link, photons=2)[0]
    vacuum = (1 - eta) * (1 - t) ** 2 + eta * (1 - t) ** 2
    for h, name in enumerate(("phi+", "phi-")):
        nine = photonic.users_state(link)[0, h]
        bell = nine[np.ix_([4, 5, 7, 8], [4, 5, 7, 8])]
        np.testing.assert_allclose(bell, eta * t * (1 - t) / 2 * bell_state(name).real, atol=1e-15)
        np.testing.assert_allclose(np.diag(nine)[[3, 6]], vacuum / 4, rtol=1e-13)
        assert np.trace(nine) == pytest.approx(np.trace(state[h]), rel=1e-14)


def best_chsh(table: np.ndarray, signs: tuple[int, ...] = (1, 1, -1, -1)) -> float:
    """S of P(a, b | x, y), shape (2, 2, 4, 4), each of the four outcomes read as a sign."""
    value = np.einsum("xyab,a,b->xy", table, signs, signs)
    return float(value[0, 0] + value[0, 1] + value[1, 0] - value[1, 1])


def is_local(table: np.ndarray) -> bool:
    """Whether a mixture of deterministic answers gives P(a, b | x, y), shape (2, 2, 4, 4)."""
    answers = np.array(list(product(range(4), repeat=2)))
    one = np.zeros((16, 2, 4))
    for i, setting in product(range(16), range(2)):
        one[i, setting, answers[i, setting]] = 1
    columns = np.einsum("ixa,jyb->xyabij", one, one).reshape(64, 256)
    result = linprog(np.zeros(256), A_eq=columns, b_eq=table.reshape(64), method="highs")
    return result.status == 0


CHSH_ANGLES = [0.0, pi / 4], [pi / 8, -pi / 8]


@pytest.mark.parametrize("eta", [0.5, 0.1, 1e-3])
def test_an_amplifier_violates_chsh_where_the_bare_link_has_a_local_model(eta: float) -> None:
    bare = PhotonicLink(ONE_PAIR, Side(PERFECT), Side(PERFECT, eta))
    table = photonic.outcome_probabilities(bare, *CHSH_ANGLES)[0, 0]
    assert is_local(table)
    for resolves in (False, True):
        t = 1 - 0.1 * eta
        link = amplified(eta, t, Station(Detector(1.0, 0.0, resolves)))
        heralded = photonic.outcome_probabilities(link, *CHSH_ANGLES)[0]
        heralded /= photonic.herald_probability(link)[0][:, None, None, None, None]
        assert not is_local(heralded[0])
        share = amplify(eta, t, link.bob.herald.station).photon_share
        # Bob's missing photons count as "+": on them Alice's outcomes average out.
        assert best_chsh(heralded[0], (1, 1, -1, -1)) == pytest.approx(2 * sqrt(2) * share)
        assert 2 * sqrt(2) * share > 2


def test_amplified_phi_minus_is_amplified_phi_plus_with_alices_angles_reversed() -> None:
    rng = np.random.default_rng(34)
    alice, bob = RandomSide(rng, "A", None), RandomSide(rng, "B", "photons")
    link = PhotonicLink(ONE_PAIR, alice.side((0.0, 1.0)), bob.side((0.1, 0.8, 0.1)))
    angles = np.array([0.2, 1.1])
    plus = photonic.outcome_probabilities(link, angles, [0.3])[0, 0]
    minus = photonic.outcome_probabilities(link, -angles, [0.3])[0, 1]
    np.testing.assert_allclose(plus, minus, rtol=1e-12)


@fixed
@given(seed=st.integers(0, 10**6), kinds=st.tuples(*[st.sampled_from(["photons", "pairs"])] * 2))
def test_shares_sum_to_the_herald_and_outcomes_signal_nothing(seed, kinds) -> None:
    rng = np.random.default_rng([35, seed])
    sides = [RandomSide(rng, name, kind) for name, kind in zip("AB", kinds, strict=True)]
    emission, pair_chances = chances(rng, 3), chances(rng, 3)
    link = PhotonicLink(EntangledPairs(pair_chances), *(side.side(emission) for side in sides))
    total = photonic.herald_probability(link)
    shares = photonic.herald_shares(link)
    assert min(share.min() for share in shares) >= 0
    np.testing.assert_allclose(sum(shares), total, rtol=1e-12)
    table = photonic.outcome_probabilities(link, [0.1, 0.9], [0.3, -1.2])
    np.testing.assert_allclose(
        table.sum(axis=(4, 5)), np.broadcast_to(total[:, :, None, None], (2,) * 4), rtol=1e-12
    )
    alice, bob = table.sum(axis=5), table.sum(axis=4)
    np.testing.assert_allclose(alice[:, :, :, 0], alice[:, :, :, 1], rtol=1e-10)
    np.testing.assert_allclose(bob[:, :, 0], bob[:, :, 1], rtol=1e-10)


def test_dark_share_is_what_dark_counts_add() -> None:
    for pd in (1e-9, 1e-3, 0.2):
        dark, quiet = (
            amplified(0.1, 0.9, Station(Detector(0.8, d), (1.0, 0.9), 0.95)) for d in (pd, 0.0)
        )
        total, lit = photonic.herald_probability(dark), photonic.herald_probability(quiet)
        lit = lit * (1 - pd) ** 2
        np.testing.assert_allclose(photonic.herald_shares(dark).dark, total - lit, atol=1e-16)


# --- single-photon sources -----------------------------------------------------------------------


@fixed
@given(mean=st.floats(0.01, 1), g2=unit)
def test_imperfect_sources_have_the_stated_mean_and_g2(mean: float, g2: float) -> None:
    try:
        p = single_photon_emission(mean, g2)
    except ValueError:
        assert mean * g2 > 1 - 1e-12 or 1 - mean + g2 * mean**2 / 2 < 1e-12
        return
    n = np.arange(3)
    assert sum(p) == pytest.approx(1, abs=1e-15)
    assert np.dot(p, n) == pytest.approx(mean, rel=1e-13)
    assert np.dot(p, n * (n - 1)) == pytest.approx(g2 * mean**2, rel=1e-12, abs=1e-300)


def test_losing_photons_lowers_the_mean_of_a_source_and_keeps_its_g2() -> None:
    p = single_photon_emission(0.8, 0.05)
    kept = 0.6
    lossy = (
        p[0] + (1 - kept) * p[1] + (1 - kept) ** 2 * p[2],
        kept * p[1] + 2 * kept * (1 - kept) * p[2],
        kept**2 * p[2],
    )
    assert single_photon_emission(0.8 * kept, 0.05) == pytest.approx(lossy, rel=1e-13)


@pytest.mark.parametrize(("mean", "g2"), [(1.0, 2.0), (1.5, 0.1), (-0.1, 0.0)])
def test_moments_that_no_source_has_are_refused(mean: float, g2: float) -> None:
    with pytest.raises(ValueError, match="no source"):
        single_photon_emission(mean, g2)


# --- non-demolition herald -----------------------------------------------------------------------


@fixed
@given(eta=unit, q=unit, s=unit, d=unit)
def test_a_non_demolition_herald_has_the_printed_probability_and_share(eta, q, s, d):
    herald = NonDemolition(q, s, d)
    link = PhotonicLink(ONE_PAIR, Side(PERFECT), Side(PERFECT, eta, herald))
    probability, share = herald.heralding(eta)
    assert probability == pytest.approx(eta * q + (1 - eta) * d, rel=1e-14)
    assert share * probability == pytest.approx(eta * q * s, rel=1e-13, abs=1e-300)
    assert photonic.herald_probability(link) == pytest.approx(probability, rel=1e-13)
    shares = photonic.herald_shares(link)
    assert shares.pair.item() == pytest.approx(eta * q * s, rel=1e-13, abs=1e-300)
    assert shares.dark.item() == pytest.approx((1 - eta) * d, rel=1e-13, abs=1e-300)
    state = photonic.users_state(link)[0, 0]
    bell = state[np.ix_([4, 5, 7, 8], [4, 5, 7, 8])]
    np.testing.assert_allclose(bell, eta * q * s * bell_state("phi+").real, atol=1e-15)


@pytest.mark.parametrize("seed", range(50))
def test_a_non_demolition_herald_on_up_to_two_pairs_is_that_of_qutip(seed: int) -> None:
    rng = np.random.default_rng([36, seed])
    q, s, d = (float(x) for x in rng.random(3))
    alice, bob = RandomSide(rng, "A", None), RandomSide(rng, "B", None)
    pair_chances = chances(rng, 3)
    link = PhotonicLink(
        EntangledPairs(pair_chances),
        alice.side(()),
        bob.side(())._replace(herald=NonDemolition(q, s, d)),
    )
    ours = photonic.outcome_probabilities(link, [alice.angle], [bob.angle])[0, 0, 0, 0]
    rules = alice.rules() | bob.rules()
    rules |= loss("B", bob.transmission, "B'") | loss("B'", s, "Bout")
    modes = alice.modes() + bob.modes() + [("lost", "B'", p) for p in HV]
    expected = 0.0
    for n, chance in enumerate(pair_chances):
        counts = count_by_qutip(pairs(n, "A", "B"), rules, modes)
        lost_later = seen(counts, ["lost", "B'"]) + seen(counts, ["lost", "Bout"])
        arrived = lost_later + seen(counts, ["@B"])
        heralds = np.where(arrived > 0, 1 - (1 - q) ** arrived, d)
        expected = expected + chance * np.einsum(
            "at,bt,t->ab", alice.seen(counts)[0], bob.seen(counts)[0], counts.chances * heralds
        )
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-10)
