"""The key of a finite block as a scenario plans it."""

from pathlib import Path

import pytest

from qnetsim.errors import InvalidInputError
from qnetsim.protocols.finite import FiniteBlock
from qnetsim.scenario import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
MUNICH, OXFORD = SCENARIOS / "munich_2022.toml", SCENARIOS / "oxford_2022.toml"
SPOT_CHECKS = {"eps_sound": 1e-10, "eps_complete": 1e-3, "test_fraction": 13 / 256, "f_ec": 1.2603}


def played(path, *settings):
    return load_scenario(path, settings).run(3)


def test_oxfords_block_of_a_million_and_a_half_makes_a_key():
    """Published 95,884 bits; docs/explanation/finite_keys.md says what differs."""
    result = played(OXFORD, "run.duration_s=20", "protocol.finite.rounds=1500000")
    key = result.key_length
    assert key.attacks == "general"
    assert 95_884 < key.key_length_bits == pytest.approx(369_000, rel=5e-3)
    figures = result.summary()
    assert figures["key_length_bits"] == key.key_length_bits
    terms = figures["key_length"]["terms"]
    assert sum(term["bits"] for term in terms) == pytest.approx(key.bits)


def test_munichs_rounds_make_no_key_and_fifty_times_as_many_do():
    few = played(MUNICH, "run.max_rounds=400", "run.duration_s=9e6")
    assert few.key_length.rounds == 400
    assert few.key_length.bits < few.key_length.key_length_bits == 0
    assert few.key_length.attacks == "collective"
    stated = few.summary()["key_length"]["assumptions"]
    assert any("rounds are played until" in text for text in stated)
    many = played(MUNICH, "run.duration_s=1000", "protocol.finite.rounds=175000")
    assert many.key_length.key_length_bits > 0


def test_a_block_without_a_plan_takes_the_closed_forms_and_the_rounds_of_the_run():
    block = FiniteBlock(**SPOT_CHECKS)
    key = block.key_length("chsh", 10**6, 2.64, 0.018)
    planned = FiniteBlock(**SPOT_CHECKS, planned_chsh_s=2.64, planned_qber=0.018, rounds=10**6)
    assert planned.key_length("chsh", 5, 2.0, 0.5).bits == key.bits


def test_blocks_of_hardly_a_test_and_the_laxest_completeness_have_a_length():
    """A run's rounds are not known before it: none may end in a refusal."""
    lax = SPOT_CHECKS | {"eps_complete": 0.1, "test_fraction": 0.5}
    for rounds in (2, 3, 7, 20):
        assert FiniteBlock(**lax).key_length("chsh", rounds, 2.8284, 0.0).key_length_bits == 0


def test_a_protocol_without_a_finite_block_has_no_key_length():
    result = played(SCENARIOS / "munich_33km.toml", "run.duration_s=100")
    assert result.key_length is None
    assert result.summary()["key_length_bits"] is None


@pytest.mark.parametrize(
    ("path", "setting", "words"),
    [
        (OXFORD, "protocol.finite.key_share=0.2", "has a meaning only with the bound 'two-basis'"),
        (MUNICH, "protocol.finite.test_fraction=0.1", "has a meaning only with the bound 'chsh'"),
        (MUNICH, "protocol.finite.leak_bits=5", "needs f_ec or leak_bits, and not both"),
        (MUNICH, "protocol.finite.test_share=0.9", "must add up to 1 or less"),
        (OXFORD, "protocol.finite.eps_sound=0", "protocol.finite.eps_sound = 0"),
        (OXFORD, "protocol.finite.eps_complete=0.5", "protocol.finite.eps_complete = 0.5"),
        (OXFORD, "protocol.finite.planned_chsh_s=2.9", "protocol.finite.planned_chsh_s = 2.9"),
        (OXFORD, "protocol.finite={eps_sound=1e-9}", "protocol.finite.eps_complete"),
        (
            OXFORD,
            "protocol.finite={eps_sound=1e-9,eps_complete=1e-2,f_ec=1.2}",
            "protocol.finite.test_fraction: is needed for the bound 'chsh'",
        ),
    ],
)
def test_a_block_that_does_not_fit_is_refused(path, setting, words):
    with pytest.raises(InvalidInputError) as error:
        load_scenario(path, [setting])
    assert words in str(error.value)


def test_a_run_without_a_round_has_no_key_length():
    result = played(MUNICH, "run.duration_s=0.001")
    assert len(result.rounds.x) == 0
    assert result.key_length is None
