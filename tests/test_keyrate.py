"""``qnetsim keyrate``: its figures, what it says they are worth, and what it refuses."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt import Command

import qnetsim as qn
from qnetsim.security.chsh import chsh_entropy
from qnetsim.security.finite.options import general_key_length
from qnetsim.security.hardware import binned, pair_behaviour
from qnetsim.security.information import binary_entropy
from qnetsim.security.keyrate import BOUNDS
from qnetsim.security.npa.certificate import Certificate
from qnetsim.security.rates import chsh_key_rate
from qnetsim.statistics_file import read_statistics

EFFICIENCY = 0.97
SMALL = ("--nodes", "2", "--level", "1+A+B+AB")
"""What solves in no time; the bound is loose and certified all the same."""

KEYS = {
    "bound", "rate_bits_per_round", "entropy_bits", "ec_bits", "sifting", "kept", "certified",
    "certificate_error_bits", "attacks", "assumptions",
}  # fmt: skip


def keyrate(command: Command, *arguments: object) -> dict[str, Any]:
    """Returns the figures that the command prints as JSON."""
    done = command("keyrate", *arguments, "--json")
    assert done.code == 0, done.err
    figures: dict[str, Any] = json.loads(done.out)
    assert figures.keys() >= KEYS
    return figures


def clicks(efficiency: float = EFFICIENCY) -> np.ndarray:
    """P(a, b | x, y) of a lossy CHSH test and a key setting of Bob's, his no-clicks kept."""
    angles = [0.0, np.pi / 2], [np.pi / 4, -np.pi / 4, 0.0]
    return binned(pair_behaviour(np.pi / 4, *angles, 1.0, (efficiency, efficiency)), -2)


def written(folder: Path, **content: object) -> Path:
    """Returns a statistics file."""
    path = folder / "p.json"
    path.write_text(json.dumps({"key": {"alice": 0, "bob": 2}} | content))
    return path


@pytest.fixture
def observed(tmp_path: Path) -> Path:
    return written(tmp_path, probabilities=binned(clicks(), -1).tolist())


# --- figures -------------------------------------------------------------------------------------


def test_one_basis_by_its_s_and_q(command: Command) -> None:
    figures = keyrate(command, "--bound", "chsh", "--s", 2.677, "--q", 0.0144)
    assert figures["rate_bits_per_round"] == pytest.approx(0.583, abs=5e-4)
    assert figures["entropy_bits"] - figures["ec_bits"] == pytest.approx(0.583414, abs=1e-6)
    assert (figures["certified"], figures["certificate_error_bits"]) == (True, 0)


def test_two_bases_are_sifted_to_a_quarter_unless_told_otherwise(command: Command) -> None:
    munich = ("--bound", "two-basis", "--s", 2.578, "--q", "0.0781,0.0777")
    figures = keyrate(command, *munich)
    assert figures["rate_bits_per_round"] == pytest.approx(0.0703, abs=1e-3)
    assert figures["sifting"] == 0.25
    whole = keyrate(command, *munich, "--sifting", 1)["rate_bits_per_round"]
    assert whole == pytest.approx(4 * figures["rate_bits_per_round"])


def test_more_is_certified_by_the_halves_of_s_and_by_a_bias(command: Command) -> None:
    chsh = keyrate(command, "--bound", "chsh", "--s", 2.6, "--q", 0.05)["rate_bits_per_round"]
    halves = keyrate(command, "--bound", "asymmetric", "--halves", "1.3,1.3", "--q", 0.05)
    assert halves["rate_bits_per_round"] > chsh + 0.01
    assert 0 < halves["alpha"] < 1
    even, biased = (
        keyrate(command, "--bound", "biased", "--s", 2.6, "--bias", bias, "--q", 0.05)
        for bias in (0, 0.2)
    )
    assert even["rate_bits_per_round"] == pytest.approx(chsh, abs=1e-9)
    assert biased["entropy_bits"] > even["entropy_bits"]


@pytest.mark.parametrize(
    "bound",
    [
        ("chsh", "--s", 2.45, "--q", 0.07),
        ("two-basis", "--s", 2.45, "--q", "0.08,0.07"),
        ("asymmetric", "--halves", "1.2,1.25", "--q", 0.07),
        ("biased", "--s", 2.45, "--bias", 0.1, "--q", 0.07),
    ],
)
def test_the_best_flip_is_no_worse_than_others(command: Command, bound: tuple[object, ...]) -> None:
    best = keyrate(command, "--bound", *bound, "--flip", "best")
    assert 0 < best["flip"] < 0.5
    for flip in (0, 0.9 * best["flip"], 1.1 * best["flip"]):
        other = keyrate(command, "--bound", *bound, "--flip", flip)
        assert other["rate_bits_per_round"] <= best["rate_bits_per_round"] + 1e-12


def test_a_conference_key_of_depolarised_states(command: Command) -> None:
    four = keyrate(command, "--bound", "parity-chsh", "--parties", 4, "--q", 0.01)
    kept = 1 - 2 * 0.01  # (1 - p)^2
    s = np.sqrt(2) * (kept + kept**2)
    assert four["parity_chsh_value"] == pytest.approx(s)
    assert four["rate_bits_per_round"] == pytest.approx(chsh_entropy(s) - binary_entropy(0.01))
    holz = keyrate(command, "--bound", "holz", "--q", 0.01)
    assert holz["parties"] == 3
    assert 0 < holz["rate_bits_per_round"] < 1 - binary_entropy(0.01)


@pytest.mark.parametrize("s", [2, 1.5, 0, -2])
@pytest.mark.parametrize("bound", [("chsh",), ("sdp", *SMALL)])
def test_a_local_s_makes_no_key_and_is_no_error(
    command: Command, s: float, bound: tuple[str, ...]
) -> None:
    figures = keyrate(command, "--bound", *bound, "--s", s, "--q", 0.01)
    assert figures["rate_bits_per_round"] == 0
    assert figures["entropy_bits"] == 0
    done = command("keyrate", "--bound", *bound, "--s", s, "--q", 0.01)
    assert (done.code, "0 secret bits a round, no key" in done.out) == (0, True)


# --- semidefinite bounds -------------------------------------------------------------------------


def test_a_certified_rate_lies_little_below_the_closed_form_and_never_above(
    command: Command,
) -> None:
    figures = keyrate(command, "--bound", "sdp", "--s", 2.6, "--q", 0.02, "--nodes", 6)
    exact = float(chsh_entropy(2.6))
    assert exact - 1e-3 < figures["entropy_bits"] <= exact
    assert 0 <= figures["certificate_error_bits"] < 1e-4
    assert figures["sifting"] == 1
    assert figures["nodes"] == 6
    assert float(chsh_key_rate(2.6, 0.02, 1.0)) >= figures["rate_bits_per_round"]


def test_two_error_rates_mean_two_key_bases(command: Command) -> None:
    bound = ("--bound", "sdp", "--s", 2.8, *SMALL)
    two, one = keyrate(command, *bound, "--q", "0,0"), keyrate(command, *bound, "--q", 0)
    assert (two["sifting"], one["sifting"]) == (0.25, 1)
    assert two["entropy_bits"] >= one["entropy_bits"] - 1e-5


def test_all_statistics_prove_no_less_than_their_s_alone(command: Command, observed: Path) -> None:
    figures = keyrate(command, "--bound", "sdp", "--statistics", observed, "--nodes", 4)
    assert figures["entropy_bits"] > chsh_entropy(read_statistics(observed).behaviour.chsh) - 1e-2
    table = binned(clicks(), -1)[0, 2]
    joint = -np.sum(table * np.log2(table)) + np.sum(table.sum(0) * np.log2(table.sum(0)))
    assert figures["ec_bits"] == pytest.approx(joint)


def test_rounds_without_a_click_kept_apart_reveal_less(command: Command, tmp_path: Path) -> None:
    apart = written(tmp_path, probabilities=clicks().tolist(), no_click_counts_as=1)
    kept = keyrate(command, "--bound", "sdp", "--statistics", apart, *SMALL)
    whole = written(tmp_path, probabilities=binned(clicks(), -1).tolist())
    counted = keyrate(command, "--bound", "sdp", "--statistics", whole, *SMALL)
    assert kept["entropy_bits"] == pytest.approx(counted["entropy_bits"], abs=1e-4)
    assert kept["ec_bits"] < counted["ec_bits"] - 0.01


@pytest.mark.parametrize(("outcome", "index"), [(1, 0), (-1, 1)])
def test_rounds_without_a_click_count_in_the_test_as_the_file_says(
    tmp_path: Path, outcome: int, index: int
) -> None:
    key = {"alice": 0, "bob": 2, "kept_bob": [0.9, 0.7]}
    content = {"probabilities": clicks(0.9).tolist(), "no_click_counts_as": outcome, "key": key}
    observed = read_statistics(written(tmp_path, **content))
    assert observed.behaviour.table == pytest.approx(binned(clicks(0.9), -1, index))
    assert observed.key_table == pytest.approx(clicks(0.9)[0, 2])
    assert observed.kept_bob.tolist() == [0.9, 0.7, key["kept_bob"][index]]


def test_no_clicks_that_signal_are_refused_whatever_they_count_as(
    command: Command, tmp_path: Path
) -> None:
    table = clicks(0.9)
    table[0, 0] += 0.01 * np.array([[-1, 0, 1], [-1, 0, 1]])
    path = written(tmp_path, probabilities=table.tolist(), no_click_counts_as=1)
    done = command("keyrate", "--bound", "sdp", "--statistics", path)
    assert (done.code, done.out) == (2, "")
    assert "signalling: Bob's chance" in done.err


def test_post_selection_is_weighed_and_claims_collective_attacks_only(
    command: Command, tmp_path: Path
) -> None:
    key = {"alice": 0, "bob": 2, "flip": 0.1, "kept_alice": [0.8, 1.0], "kept_bob": [0.9, 1.0]}
    path = written(tmp_path, probabilities=binned(clicks(), -1).tolist(), key=key)
    figures = keyrate(command, "--bound", "sdp", "--statistics", path, *SMALL)
    weighted = binned(clicks(), -1)[0, 2] * np.outer(key["kept_alice"], key["kept_bob"])
    assert figures["kept"] == pytest.approx(weighted.sum())
    assert figures["flip"] == 0.1
    assert figures["attacks"].startswith("collective: ")
    gain = figures["kept"] * (figures["entropy_bits"] - figures["ec_bits"])
    assert figures["rate_bits_per_round"] == pytest.approx(max(0, gain))


def test_counts_are_projected_where_asked_for_and_that_is_said(
    command: Command, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    laws = clicks().reshape(2, 3, 6)
    counts = [[rng.multinomial(100_000, law / law.sum()).reshape(2, 3) for law in x] for x in laws]
    path = written(tmp_path, counts=np.array(counts).tolist(), no_click_counts_as=1)
    refused = command("keyrate", "--bound", "sdp", "--statistics", path)
    assert refused.code == 2
    assert "--project" in refused.err
    figures = keyrate(command, "--bound", "sdp", "--statistics", path, "--project", *SMALL)
    assert 0 < figures["projected_by"] < 0.02
    assert "no confidence level" in figures["assumptions"][-1]
    shown = command("keyrate", "--bound", "sdp", "--statistics", path, "--project", *SMALL)
    assert "counts projected" in shown.out


def test_a_saved_certificate_applies_without_a_solver(
    command: Command, tmp_path: Path, observed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "proof.npz"
    bound = ("--bound", "sdp", "--statistics", observed)
    solved = keyrate(command, *bound, *SMALL, "--save-certificate", proof)

    def fail(*_: object) -> None:
        raise AssertionError("a solver was asked")

    monkeypatch.setattr("qnetsim.security.npa.program.EntropyProgram.solve", fail)
    applied = keyrate(command, *bound, "--certificate", proof)
    assert applied.pop("certificate_error_bits") is None
    assert solved.pop("certificate_error_bits") >= 0
    assert applied == solved
    other = written(tmp_path, probabilities=binned(clicks(0.96), -1).tolist())
    near = keyrate(command, "--bound", "sdp", "--statistics", other, "--certificate", proof)
    assert near["entropy_bits"] < solved["entropy_bits"]


def test_a_certificate_about_something_else_or_tampered_with_or_forged_is_refused(
    command: Command, tmp_path: Path, observed: Path
) -> None:
    proof = tmp_path / "proof.npz"
    bound = ("--bound", "sdp", "--statistics", observed)
    keyrate(command, *bound, *SMALL, "--save-certificate", proof)
    noisy = command("keyrate", *bound, "--certificate", proof, "--flip", 0.1)
    assert (noisy.code, noisy.out) == (2, "")
    assert "certificate is for keys" in noisy.err
    with np.load(proof) as stored:
        arrays = dict(stored)
    arrays["constant"] = arrays["constant"] + 0.1
    np.savez(proof, **arrays)
    tampered = command("keyrate", *bound, "--certificate", proof)
    assert (tampered.code, tampered.out) == (2, "")
    assert "was changed since it was written" in tampered.err
    keyrate(command, *bound, *SMALL, "--save-certificate", proof)
    honest = Certificate.load(proof)
    replace(honest, constant=honest.constant + 0.1).save(proof)
    forged = command("keyrate", *bound, "--certificate", proof)
    assert (forged.code, forged.out) == (2, "")
    assert "as the dual solution proves" in forged.err
    missing = command("keyrate", *bound, "--certificate", tmp_path / "none.npz")
    assert (missing.code, missing.out) == (2, "")


def test_a_solver_that_fails_ends_in_one_message_and_no_file(
    command: Command, tmp_path: Path
) -> None:
    proof, point = tmp_path / "proof.npz", ("--s", 2.3, "--q", 0.05, *SMALL)
    done = command(
        "keyrate", "--bound", "sdp", *point, "--solver", "osqp", "--save-certificate", proof
    )
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("qnetsim: no bound: OSQP")
    assert len(done.err.splitlines()) == 1
    assert not proof.exists()
    unknown = command("keyrate", "--bound", "sdp", *point, "--solver", "oracle")
    assert (unknown.code, unknown.out) == (2, "")
    assert "solver (ORACLE) must be one of CLARABEL" in unknown.err


def test_statistics_that_only_the_program_sees_through_are_refused(
    command: Command, tmp_path: Path
) -> None:
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 0]])  # I3322 without marginals
    table = (1 + 0.7 * signs[..., None, None] * np.outer([1, -1], [1, -1])) / 4
    path = written(tmp_path, probabilities=table.tolist())
    read_statistics(path)
    done = command("keyrate", "--bound", "sdp", "--statistics", path, *SMALL)
    assert (done.code, done.out) == (2, "")
    assert "no quantum device gives these statistics" in done.err


# --- finite blocks -------------------------------------------------------------------------------

FINITE = "n=1.5e6,eps_sound=1e-10,eps_complete=1e-2,f_ec=1.1"


def test_a_finite_block_has_a_length_and_the_table_of_its_terms(command: Command) -> None:
    one = ("--bound", "chsh", "--s", 2.64, "--q", 0.018)
    figures = keyrate(command, *one, "--finite", f"{FINITE},test_fraction=0.05")
    options = {"n": 1.5e6, "eps_sound": 1e-10, "eps_complete": 1e-2, "f_ec": 1.1}
    expected = general_key_length(2.64, 0.018, options | {"test_fraction": 0.05})
    assert figures["key_length_bits"] == expected.key_length_bits > 0
    finite = figures["key_length"]
    assert finite["attacks"] == "general"
    assert sum(term["bits"] for term in finite["terms"]) == pytest.approx(expected.bits)
    assert figures["key_length_bits"] < 1.5e6 * figures["rate_bits_per_round"]
    shown = command("keyrate", *one, "--finite", f"{FINITE},test_fraction=0.05").out
    assert "privacy amplification" in shown
    assert f"{expected.key_length_bits:,}" in shown


def test_two_bases_have_a_finite_length_against_collective_attacks(command: Command) -> None:
    figures = keyrate(
        command, "--bound", "two-basis", "--s", 2.578, "--q", "0.0781,0.0777",
        "--finite", "n=1.5e6,eps_sound=1e-5,eps_complete=1e-2,f_ec=1.15,"
        "key_share=0.25,test_share=0.5",
    )  # fmt: skip
    assert figures["key_length"]["attacks"] == "collective"
    assert 0 < figures["key_length_bits"] < 1.5e6 * figures["rate_bits_per_round"]


def test_help_lists_every_key_of_a_finite_block(command: Command) -> None:
    text = command("keyrate", "--help").out
    for key in (
        "n:", "eps_sound", "eps_complete", "f_ec", "leak_bits", "test_fraction", "key_share",
        "test_share",
    ):  # fmt: skip
        assert key in text


# --- what it says --------------------------------------------------------------------------------


def test_a_rate_stands_beside_what_it_is_worth(command: Command) -> None:
    done = command("keyrate", "--bound", "chsh", "--s", 2.677, "--q", 0.0144)
    assert (done.code, done.err) == (0, "")
    for text in (
        "0.583414 secret bits a round",
        "arXiv 0903.4460",
        "collective",
        "no finite-block",
    ):
        assert text in done.out


def test_list_names_every_bound_within_80_columns(command: Command) -> None:
    done = command("keyrate", "--list")
    assert (done.code, done.err) == (0, "")
    assert max(map(len, done.out.splitlines())) <= 80
    entries = [" ".join(entry.split()) for entry in re.split(r"\n(?=\S)", done.out)]
    assert [entry.split()[0] for entry in entries] == list(BOUNDS)
    assert all(re.search(r"\. Assumes \w.*\. \w.*arXiv", entry) for entry in entries)
    listed = json.loads(command("keyrate", "--list", "--json").out)
    assert listed.keys() == BOUNDS.keys()


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--bound chhs --s 2.5 --q 0.1", "--bound = 'chhs': unknown bound; did you mean 'chsh'?"),
        ("--s 2.5 --q 0.1", "--bound: is missing"),
        ("--bound chsh --q 0.1", "--s: is missing: --bound chsh needs it"),
        ("--bound sdp --s 2.5", "--q: is missing: --bound sdp without --statistics needs it"),
        ("--bound chsh --s 2.83 --q 0.1", "--s = 2.83: must lie within 2 sqrt 2"),
        ("--bound sdp --s 2.83 --q 0.1", "--s = 2.83: must lie within 2 sqrt 2"),
        ("--bound chsh --s nan --q 0.1", "--s = nan: must lie within 2 sqrt 2"),
        ("--bound chsh --s 2.5 --q nan", "--q = nan: must lie in [0, 1]"),
        ("--bound chsh --s 2.5 --q 0.1,0.1", "--q = 0.1,0.1: must be 1 number"),
        ("--bound two-basis --s 2.5 --q 0.1", "--q = 0.1: must be 2 number"),
        ("--bound chsh --s 2.5 --q 1.1", "--q = 1.1: must lie in [0, 1]"),
        ("--bound chsh --s 2.5 --q 0.1 --flip 0.6", "--flip = 0.6: must lie in [0, 0.5]"),
        ("--bound chsh --s 2.5 --q 0.1 --sifting 2", "--sifting = 2: must lie in [0, 1]"),
        ("--bound chsh --s 2.5 --q 0.1 --nodes 4", "--nodes = 4: --bound chsh does not use it"),
        ("--bound sdp --s 2.5 --q 0.1 --project", "--project: --bound sdp does not use it"),
        ("--bound sdp --s 2.5 --q 0.1 --finite n=1", "--finite = n=1: --bound sdp does not use"),
        ("--bound sdp --s 2.5 --q 0.1 --flip best", "--flip = best: is for closed forms"),
        ("--bound sdp --s 2.5 --q 0.1 --flip 0.5", "flip (0.5) must lie within [0, 0.5)"),
        ("--bound sdp --s 2.5 --q 0.1 --level A+B", "level (A+B) must be 1 and products"),
        ("--bound asymmetric --halves 1.9,1.9 --q 0.1", "--halves = 1.9,1.9: must be E1,E2 with"),
        ("--bound asymmetric --halves 1.9 --q 0.1", "--halves = 1.9: must be E1,E2"),
        ("--bound biased --s 2.8 --bias 0.5 --q 0.1", "--s = 2.8: must lie within 2 sqrt(2 - b"),
        ("--bound biased --s 2.5 --bias 2 --q 0.1", "--bias = 2: must lie in [-1, 1]"),
        ("--bound parity-chsh --parties 1 --q 0.1", "--parties = 1: must lie in [2, 1000]"),
        ("--bound parity-chsh --parties 3 --q 0.6", "--q = 0.6: must lie in [0, 0.5]"),
        ("--bound chsh --s 2.5 --q 0.1 --finite n=1e6", "options missing: eps_sound, eps_complete"),
        ("--bound chsh --s 2.5 --q 0.1 --finite n", "must be name=number"),
        (f"--bound chsh --s 2.5 --q 0.1 --flip 0.1 --finite {FINITE}", "noisy preprocessing"),
        ("--bound sdp --s 2.5 --q 0.1 --save-certificate no/c.npz", "cannot be written"),
        ("--bound sdp --s 2.5 --q 0.1 --certificate c --nodes 3", "--certificate solves nothing"),
        ("--bound chsh --s two --q 0.1", "'two' is not a valid float"),
        ("--bound chsh --s 2.5 --q 0.1;0.2", "must be numbers separated by commas"),
        ("--bound chsh --s 2.5 --q 0.1 --flip good", "neither a number nor 'best'"),
    ],
)  # fmt: skip
def test_what_is_wrong_at_the_prompt_is_named_with_its_value_and_bound(
    command: Command, arguments: str, message: str
) -> None:
    done = command("keyrate", *arguments.split())
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_all_faults_of_the_prompt_come_at_once(command: Command) -> None:
    done = command("keyrate", "--bound", "chsh", "--s", 3, "--q", 2, "--parties", 3)
    assert done.code == 2
    assert len(done.err.splitlines()) == 3


BOX = np.array([[1, 1, 1], [1, -1, 1]])[..., None, None] * np.outer([1, -1], [1, -1])


SIGNAL = np.array([[0.01, 0.01], [-0.01, -0.01]])


def changed(where: tuple[int, ...], by: Any) -> np.ndarray:
    table = binned(clicks(), -1)
    table[where] += by
    return table


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        (
            changed((0, 0), SIGNAL),
            "signalling: Alice's chance of +1 with setting 0 depends on Bob's",
        ),
        (changed((1, 1, 0, 0), 0.01), "the probabilities at x = 1, y = 1 add up to 1.01, not 1"),
        ((1 + 0.8 * BOX) / 4, "the CHSH value of settings x = 0, 1 and y = 0, 1 is 3.2, beyond"),
        (changed((0, 0, 0, 0), -1), "probabilities.0.0.0.0 = -0."),
        (changed((0, 1, 1, 1), np.nan), "probabilities.0.1.1.1 = nan: must be a finite number"),
        (clicks(), "no_click_counts_as: is missing"),
        (clicks()[..., 0], "probabilities.0.0.0 = 0."),
        (np.full((2, 3, 2, 4), 0.125), "a list of shape (2, 3, 2, 4): must be [x][y][a][b]"),
        (np.full((5, 3, 2, 2), 0.25), "with 1 to 4 settings x and y"),
    ],
)
def test_statistics_that_no_device_gives_are_refused_by_name(
    command: Command, tmp_path: Path, probabilities: np.ndarray, message: str
) -> None:
    path = written(tmp_path, probabilities=probabilities.tolist())
    proof = tmp_path / "proof.npz"
    done = command("keyrate", "--bound", "sdp", "--statistics", path, "--save-certificate", proof)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"qnetsim: {path}: ")
    assert message in done.err
    assert not proof.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"key": {"alice": 2, "bob": 2}}, "key.alice = 2: must lie in [0, 1]"),
        ({"key": {"alice": 0, "bob": 2, "kept_bob": [0, 1]}}, "key.kept_bob.0 = 0: must lie in (0"),
        ({"key": {"alice": 0, "bob": 2, "kept_alice": [1]}}, "key.kept_alice = [1.0]: must be two"),
        ({"key": {"alice": 0, "bob": 2, "flip": 0.5}}, "key: flip (0.5) must lie within [0, 0.5)"),
        ({"probabilites": []}, "probabilites: unknown key; did you mean 'probabilities'?"),
        ({"probabilities": [[[[1], [0, 0]]]]}, "probabilities: must be [x][y][a][b]"),
        ({"counts": [[[[1, 1], [1, 1]]]]}, "must hold either probabilities or counts"),
        ({"no_click_counts_as": 1}, "no_click_counts_as: is for a third outcome of Bob's"),
    ],
)
def test_what_a_file_says_wrongly_is_named(
    command: Command, tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    right = {"probabilities": binned(clicks(), -1).tolist()}
    path = written(tmp_path, **(right | content))
    done = command("keyrate", "--bound", "sdp", "--statistics", path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[[[0, 0], [0, 0]], [[5, 5], [5, 5]]]], "no rounds with settings x = 0, y = 0"),
        ([[[[-1, 9], [9, 9]]]], "counts.0.0.0.0 = -1: must lie in [0, 1e+15]"),
        ([[[[0.5, 9], [9, 9]]]], "counts.0.0.0.0 = 0.5: must be a whole number"),
    ],
)
def test_counts_that_say_nothing_are_refused(
    command: Command, tmp_path: Path, counts: object, message: str
) -> None:
    path = written(tmp_path, counts=counts, key={"alice": 0, "bob": 0})
    done = command("keyrate", "--bound", "sdp", "--statistics", path, "--project")
    assert (done.code, done.out) == (2, "")
    assert message in done.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"9" * 5000, "is not JSON"),
        (b"[]", "must be a table"),
        (b"{}", "key: is missing"),
        (b'{"key": {"alice": 0, "bob": 0}}', "must hold either probabilities or counts"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_holds_no_statistics_is_refused(
    command: Command, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "p.json"
    if content is not None:
        path.write_bytes(content)
    done = command("keyrate", "--bound", "sdp", "--statistics", path)
    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_flip_stands_in_one_place(command: Command, tmp_path: Path) -> None:
    key = {"alice": 0, "bob": 2, "flip": 0.1}
    path = written(tmp_path, probabilities=binned(clicks(), -1).tolist(), key=key)
    done = command("keyrate", "--bound", "sdp", "--statistics", path, "--flip", 0.2)
    assert (done.code, done.out) == (2, "")
    assert "--flip = 0.2: stands in the file, key.flip = 0.1" in done.err


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**400)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([0.25, 0.5, 0, 1]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)
TABLES = st.lists(
    st.lists(
        st.lists(st.lists(st.floats(0, 1) | ANYTHING, min_size=1, max_size=3), max_size=3),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=3,
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        "probabilities": TABLES | ANYTHING,
        "counts": TABLES | ANYTHING,
        "no_click_counts_as": st.sampled_from([1, -1, 0, None, "x"]),
        "key": ANYTHING
        | st.fixed_dictionaries(
            {"alice": st.integers(-1, 5), "bob": st.integers(-1, 5)},
            optional={"flip": st.floats(), "kept_alice": ANYTHING, "cls": ANYTHING},
        ),
    },
)


@pytest.fixture(scope="module")
def anywhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "p.json"


@settings(max_examples=300)
@given(content=FILES | ANYTHING, project=st.booleans())
def test_whatever_a_statistics_file_holds_it_is_read_or_refused(
    anywhere: Path, content: object, project: bool
) -> None:
    anywhere.write_text(json.dumps(content))
    with suppress(qn.InvalidInputError):
        read_statistics(anywhere, project=project)


@settings(max_examples=60)
@given(
    laws=st.lists(st.lists(st.integers(0, 50), min_size=4, max_size=4), min_size=4, max_size=4),
    flip=st.floats(0, 0.5),
)
def test_counts_of_any_experiment_are_projected_or_refused(
    anywhere: Path, laws: list[list[int]], flip: float
) -> None:
    counts = np.array(laws).reshape(2, 2, 2, 2).tolist()
    anywhere.write_text(json.dumps({"counts": counts, "key": {"alice": 0, "bob": 1}}))
    try:
        observed = read_statistics(anywhere, flip=flip, project=True)
    except qn.InvalidInputError:
        return
    assert observed.key_table.sum() == pytest.approx(1)
    assert observed.behaviour.projected is not None


# --- statistics of a scenario --------------------------------------------------------------------

USTC = Path(__file__).parents[1] / "scenarios" / "ustc_2022.toml"


def test_a_scenario_gives_statistics_that_its_certificate_fits(command):
    proof = USTC.parent / "certificates" / "ustc_2022_20m.npz"
    asked = ("keyrate", "--bound", "sdp", "--statistics", USTC, "--certificate", proof, "--json")
    found = json.loads(command(*asked).out)
    assert found["entropy_bits"] == pytest.approx(0.560299, abs=1e-6)
    assert found["ec_bits"] == pytest.approx(0.559953, abs=1e-6)
    assert found["attacks"].startswith("collective")
    less = json.loads(command(*asked, "--set", "bob.detector.efficiency=0.87").out)
    assert less["rate_bits_per_round"] < found["rate_bits_per_round"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--project",), "--project: is for files of statistics"),
        (("--flip", "0.1"), "--flip = 0.1: is for files of statistics"),
        (("--set", "protocol.wrong=1"), "--set protocol.wrong: unknown path"),
    ],
)
def test_options_that_a_scenario_does_not_use_are_refused(command, options, words):
    done = command("keyrate", "--bound", "sdp", "--statistics", USTC, *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


def test_changes_are_for_scenarios_alone(command, tmp_path):
    file = tmp_path / "p.json"
    file.write_text("{}")
    done = command("keyrate", "--bound", "sdp", "--statistics", file, "--set", "a=1")
    assert "--set = a=1: is for a scenario (.toml)" in done.err


def test_a_biased_rate_off_the_proved_rays_says_so(command):
    asked = ("keyrate", "--bound", "biased", "--q", "0.01", "--flip", "0.3", "--json")
    proved = json.loads(command(*asked, "--s", "2.3", "--bias", "0.3").out)
    checked = json.loads(command(*asked, "--s", "2.39", "--bias", "0.6").out)
    assert (proved["certified"], checked["certified"]) == (True, False)


def test_all_noise_leaves_no_key(command):
    done = command("keyrate", "--bound", "chsh", "--s", 2.5, "--q", 0.01, "--flip", 0.5, "--json")
    assert json.loads(done.out)["rate_bits_per_round"] == 0


def test_a_finite_block_has_its_own_share_of_key_rounds(command):
    block = "n=1e8,eps_sound=1e-6,eps_complete=1e-2,f_ec=1,key_share=0.5,test_share=0.5"
    asked = ("keyrate", "--bound", "two-basis", "--s", 2.578, "--q", "0.0781,0.0777")
    found = json.loads(command(*asked, "--finite", block, "--json").out)
    assert found["sifting"] == 0.5
    assert found["key_length_bits"] < 1e8 * found["rate_bits_per_round"]
    refused = command(*asked, "--finite", block, "--sifting", 0.25)
    assert (refused.code, refused.out) == (2, "")
    assert "--sifting = 0.25: is of the asymptotic rate alone" in refused.err


def test_fewer_bits_than_the_shannon_limit_correct_no_key(command):
    block = "n=1e6,eps_sound=1e-6,eps_complete=1e-2,test_fraction=0.05,leak_bits=0"
    asked = ("keyrate", "--bound", "chsh", "--s", 2.64, "--q", 0.018, "--finite", block)
    assert "leak_bits (0.0) must lie within" in command(*asked).err
