"""Named numbers: nothing is assumed, what is missing is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite.block import QUANTUM_WIN, Block, honest_threshold
from qnetsim.security.finite.options import (
    block_key_length,
    general_key_length,
    parsed_options,
    sampled_key_length,
    smallest_block,
)
from qnetsim.security.finite.renyi import renyi_key_length
from qnetsim.security.finite.terms import KeyLength, Term
from qnetsim.security.information import TSIRELSON
from qnetsim.security.two_basis import two_basis_entropy

GENERAL = {"n": 1e6, "eps_sound": 1e-10, "eps_complete": 1e-3, "f_ec": 1.1, "test_fraction": 0.05}
COLLECTIVE = GENERAL | {"key_share": 0.25, "test_share": 0.5}
del COLLECTIVE["test_fraction"]


def collective(options):
    return sampled_key_length(2.6, 0.05, chsh_entropy, options)


def general(options):
    return general_key_length(2.64, 0.018, options)


def test_text_is_parsed_to_numbers():
    assert parsed_options("n=1.5e6, eps_sound=1e-10") == {"n": 1.5e6, "eps_sound": 1e-10}


@pytest.mark.parametrize("text", ["n", "n=1,n=2", "n=many", ""])
def test_text_that_is_no_list_of_numbers_is_refused(text):
    with pytest.raises(ValueError, match="finite-block option"):
        parsed_options(text)


@pytest.mark.parametrize(("make", "options"), [(general, GENERAL), (collective, COLLECTIVE)])
def test_every_missing_option_is_named(make, options):
    needed = [name for name in options if name != "test_fraction"]
    with pytest.raises(ValueError, match="missing") as fault:
        make({})
    assert all(name in str(fault.value) for name in needed)
    for name in needed:
        with pytest.raises(ValueError, match=f"missing: .*{name}"):
            make({key: value for key, value in options.items() if key != name})


def test_options_unknown_or_double_are_refused():
    with pytest.raises(ValueError, match="unknown finite-block options: eps_smooth"):
        general(GENERAL | {"eps_smooth": 1e-5})
    with pytest.raises(ValueError, match="exclude each other"):
        general(GENERAL | {"leak_bits": 1e5})


def test_numbers_out_of_range_are_refused_by_name():
    for name, value in {"n": 0, "eps_sound": 2, "f_ec": 0.9, "test_fraction": 0.8}.items():
        with pytest.raises(ValueError, match=name.split("_")[0]):
            general(GENERAL | {name: value})


def test_devices_that_a_local_model_explains_make_no_key_and_no_fault():
    for s in (-2.5, 1.0, 2.0):
        assert general_key_length(s, 0.01, GENERAL).key_length_bits == 0
        assert sampled_key_length(s, 0.01, chsh_entropy, COLLECTIVE).key_length_bits == 0


def test_devices_beyond_quantum_mechanics_are_refused():
    with pytest.raises(ValueError, match="CHSH value"):
        general_key_length(2.83, 0.01, GENERAL)
    with pytest.raises(ValueError, match="CHSH value"):
        sampled_key_length(2.83, 0.01, chsh_entropy, COLLECTIVE)


def test_no_chance_to_abort_is_taken_that_asks_for_more_than_quantum_devices_win():
    lax = {"n": 50, "eps_sound": 0.5, "eps_complete": 0.9999, "f_ec": 1, "test_fraction": 0.5}
    with pytest.raises(ValueError, match=r"eps_complete \(0.9999\) is too lax"):
        general_key_length(2.828427, 0, lax)
    with pytest.raises(ValueError, match=r"eps_complete \(0.9\) is too lax"):
        sampled_key_length(2.8284, 0.01, chsh_entropy, COLLECTIVE | {"eps_complete": 0.9})


@given(
    n=st.integers(1, 10**7),
    fraction=st.floats(1e-6, 0.5),
    eps=st.floats(1e-12, 0.1),
    s=st.floats(2, TSIRELSON),
)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_blocks_with_a_test_and_eps_complete_to_a_tenth_ask_for_what_devices_can(
    n, fraction, eps, s
):
    if n * fraction >= 1:
        assert honest_threshold(n, fraction, s, eps) <= QUANTUM_WIN


def test_blocks_of_hardly_a_test_make_no_key_and_no_fault():
    few = {"n": 1000, "eps_sound": 0.1, "eps_complete": 1e-16, "f_ec": 1.1}
    assert general_key_length(2.8, 0.01, few | {"test_fraction": 1e-12}).key_length_bits == 0


def test_soundness_as_small_as_numbers_go_is_taken():
    tiny = {"eps_sound": 1e-200}
    assert sampled_key_length(2.7, 0.01, chsh_entropy, COLLECTIVE | tiny).key_length_bits > 0
    assert general(GENERAL | {"eps_sound": 1e-300}).key_length_bits == 0


def test_general_length_is_that_of_the_block_the_options_describe():
    threshold = honest_threshold(10**6, 0.05, 2.64, 1e-3)
    expected = renyi_key_length(Block(10**6, 0.05, threshold, 2e5), 1e-10)
    options = {k: v for k, v in GENERAL.items() if k != "f_ec"} | {"leak_bits": 2e5}
    assert general(options).bits == pytest.approx(expected.bits, abs=1)


def test_best_test_fraction_beats_every_other():
    free = {name: value for name, value in GENERAL.items() if name != "test_fraction"}
    best = general(free).bits
    for fraction in (0.02, 0.04, 0.06, 0.1):
        assert general(free | {"test_fraction": fraction}).bits < best + 150


def test_statement_comes_with_attacks_assumptions_and_a_table_that_adds_up():
    for key, attacks in ((general(GENERAL), "general"), (collective(COLLECTIVE), "collective")):
        assert key.attacks == attacks
        assert key.assumptions
        assert key.bits == pytest.approx(sum(term.bits for term in key.terms))
        assert all(term.pays_for for term in key.terms)
        assert key.epsilons["eps_sound"] == pytest.approx(1e-10)


def test_smallest_block_is_where_the_length_turns_positive():
    def length(n):
        return KeyLength("a", "general", (), n, (Term("x", n - 54_321.5, "y"),), {})

    assert smallest_block(length, 1e-6) == 54_322
    with pytest.raises(ValueError, match="no block"):
        smallest_block(lambda n: KeyLength("a", "general", (), n, (Term("x", -1.0, "y"),), {}))


def test_a_bound_stands_for_the_attacks_that_its_keys_are_proved_against():
    by_chsh = block_key_length("chsh", 2.64, 0.018, GENERAL)
    by_two_basis = block_key_length("two-basis", 2.64, 0.018, COLLECTIVE)
    assert by_chsh == general_key_length(2.64, 0.018, GENERAL)
    assert by_two_basis == sampled_key_length(2.64, 0.018, two_basis_entropy, COLLECTIVE)
    assert by_chsh.attacks != by_two_basis.attacks
