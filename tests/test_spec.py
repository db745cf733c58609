"""Specifications: what they accept, and how they say what is wrong."""

from __future__ import annotations

import math
import pickle
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, ValidationError

from qnetsim import BellStation, Detector, Fibre, InvalidInputError, QnetsimError, Readout
from qnetsim.errors import Fault
from qnetsim.spec import (
    Name,
    NonNegative,
    PositiveInteger,
    Probability,
    Spec,
    described,
    dotted,
    faults_of,
    keys_at,
    shown,
    suggestion,
    within,
)


class Lens(Spec):
    transmission: Probability
    focus_m: NonNegative = described("focal length", default=0.1)
    coating: Literal["ar", "none"] = "ar"
    coated: bool = True


class Telescope(Spec):
    name: Name = "t"
    eyepiece: Lens | None = None
    lenses: dict[Name, Lens] = described("by name", default={})
    spare: Annotated[list[Lens], Field(max_length=2)] = described("for later", default=[])
    pair: tuple[PositiveInteger, PositiveInteger] = (1, 1)


def faults(model: type[Spec], **fields: Any) -> list[str]:
    with pytest.raises(InvalidInputError) as caught:
        model(**fields)
    return [str(fault) for fault in caught.value.faults]


# --- numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0.0, 1.0, 0, 1, 5e-324])
def test_a_range_holds_its_ends(value: float) -> None:
    assert Lens(transmission=value).transmission == value


@pytest.mark.parametrize("value", [-5e-324, 1 + 1e-15, 2, -1, 10**30])
def test_a_number_out_of_its_range_is_refused_with_value_and_bound(value: float) -> None:
    assert faults(Lens, transmission=value) == [
        f"transmission = {shown(value)}: must lie in [0, 1]"
    ]


def test_an_open_end_and_an_infinite_one_are_written_as_such() -> None:
    class Open(Spec):
        exponent: Annotated[float, AfterValidator(within(0, 10, open_low=True))]
        length_m: NonNegative

    assert faults(Open, exponent=0, length_m=-1) == [
        "exponent = 0: must lie in (0, 10]",
        "length_m = -1: must lie in [0, inf)",
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_finite_number_is_refused(value: float) -> None:
    assert faults(Lens, transmission=value) == [f"transmission = {value}: must be a finite number"]


@pytest.mark.parametrize(
    ("field", "value", "bound"),
    [
        ("transmission", "0.5", "'0.5': must be a number"),
        ("transmission", True, "true: must be a number"),
        ("transmission", [0.5], "[0.5]: must be a number"),
        ("transmission", {"a": 1}, "{'a': 1}: must be a number"),
        ("coated", 1, "1: must be true or false"),
        ("coated", "true", "'true': must be true or false"),
        ("coating", "silver", "'silver': must be one of 'ar' or 'none'"),
    ],
)
def test_a_wrong_type_is_refused_and_never_converted(field: str, value: Any, bound: str) -> None:
    assert faults(Lens, **{"transmission": 0.5, field: value}) == [f"{field} = {bound}"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("", "name = '': must have at least 1 character"),
        ("a" * 65, "name = '" + "a" * 56 + "...: must have at most 64 characters"),
        ("1a", r"name = '1a': must match pattern '^[A-Za-z][A-Za-z0-9_\-]*$'"),
        ("a\n", r"name = 'a\n': must match pattern '^[A-Za-z][A-Za-z0-9_\-]*$'"),
        (7, "name = 7: must be a text"),
    ],
)
def test_a_name_is_a_letter_and_then_letters_digits_and_dashes(value: Any, fault: str) -> None:
    assert faults(Telescope, name=value) == [fault]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ((1,), "pair.1: is missing"),
        ((1, 2, 3), "pair = (1, 2, 3): must have at most 2 items, not 3"),
        ((1, 2.0), "pair.1 = 2.0: must be a whole number"),
        ((1, True), "pair.1 = true: must be a whole number"),
        ((1, 0), "pair.1 = 0: must lie in [1, 1e+09]"),
    ],
)
def test_a_pair_of_whole_numbers_is_just_that(value: Any, fault: str) -> None:
    assert faults(Telescope, pair=value) == [fault]


# --- keys ----------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_with_the_nearest_known_one() -> None:
    assert faults(Lens, transmission=1, focusm=1, xyz=1) == [
        "focusm: unknown key; did you mean 'focus_m'?",
        "xyz: unknown key; known here: coated, coating, focus_m, transmission",
    ]


def test_every_fault_is_listed_with_its_path() -> None:
    lens = {"transmission": 2, "focus": 1}
    assert faults(Telescope, eyepiece=lens, lenses={"a b": {}}, spare=[lens, 3, lens]) == [
        "eyepiece.transmission = 2: must lie in [0, 1]",
        "eyepiece.focus: unknown key; did you mean 'focus_m'?",
        r"lenses.a b = 'a b': must match pattern '^[A-Za-z][A-Za-z0-9_\-]*$'",
        "lenses.a b.transmission: is missing",
        "spare = [{'transmission': 2, 'focus': 1}, 3, {'transmission': 2, ...: "
        "must have at most 2 items, not 3",
    ]


def test_defaults_are_checked_like_what_is_written() -> None:
    class Wrong(Spec):
        share: Probability = 2.0

    assert faults(Wrong) == ["share = 2.0: must lie in [0, 1]"]


def test_a_wrong_type_of_table_or_list_is_refused() -> None:
    assert faults(Telescope, eyepiece=3, lenses=[], spare={}) == [
        "eyepiece = 3: must be a table",
        "lenses = []: must be a table",
        "spare = {}: must be a list",
    ]


# --- specifications as values --------------------------------------------------------------------


def test_a_specification_cannot_be_changed() -> None:
    fibre = Fibre(length_m=1.0, attenuation_db_per_km=4.3)
    with pytest.raises(ValidationError, match="frozen"):
        fibre.length_m = 2.0  # type: ignore[misc]


def test_equal_specifications_are_equal_and_survive_pickling() -> None:
    fibre = Fibre(length_m=1.0, attenuation_db_per_km=4.3)
    assert fibre == Fibre(length_m=1, attenuation_db_per_km=4.3)
    assert pickle.loads(pickle.dumps(fibre)) == fibre


def test_a_call_names_the_class_and_raises_what_callers_of_python_expect() -> None:
    with pytest.raises(ValueError, match=r"^Fibre: 2 faults\n  length_m = -1: must lie in") as it:
        Fibre(length_m=-1, attenuation=4.3, attenuation_db_per_km=1)
    assert isinstance(it.value, QnetsimError)
    assert it.value.__cause__ is None


def test_the_error_crosses_to_another_process_whole() -> None:
    error = InvalidInputError([Fault("a.b", "1", "must be 2"), Fault("c", "", "is missing")], "f")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is InvalidInputError
    assert (copied.faults, copied.source, str(copied)) == (error.faults, "f", str(error))


def test_one_specification_holds_another_and_its_faults() -> None:
    detector = Detector(efficiency=0.6, dark_count_rate_hz=10.0)
    station = {"window_start_s": 0.0, "window_length_s": 1e-7, "photon_overlap": 0.9}
    assert BellStation(detector=detector, accept=["psi+"], **station).detector is detector
    with pytest.raises(InvalidInputError, match=r"detector = Readout\(.*: must be a table"):
        BellStation(detector=Readout(duration_s=0.0), accept=["psi+"], **station)


# --- the words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.5, "1.5"),
        ("a\nb", r"'a\nb'"),
        (True, "true"),
        ("x" * 100, "'" + "x" * 56 + "..."),
        pytest.param(10**5000, "(too long to show)", id="5001 digits"),
    ],
)
def test_a_value_is_shown_short_and_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_value_nested_beyond_recursion_is_still_shown() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(nested) == "(too long to show)"


def test_a_fault_is_one_line_whatever_its_keys_hold() -> None:
    assert str(Fault("a\nb", "1", "no 'c\x1b[31m'")) == r"a\nb = 1: no 'c\x1b[31m'"


def test_a_location_is_written_as_set_takes_it() -> None:
    assert dotted(("nodes", "alice", 3)) == "nodes.alice.3"
    assert dotted(()) == "(top)"
    assert dotted(("nodes", "", "x")) == "nodes.''.x"


def test_suggestions_name_the_nearest_word_or_all() -> None:
    assert suggestion("lenght", ["length", "width"]) == "; did you mean 'length'?"
    assert suggestion("q", ["b", "a"]) == "; known here: a, b"
    assert suggestion("q", []) == ""


@pytest.mark.parametrize(
    ("location", "keys"),
    [
        ((), ["name", "eyepiece", "lenses", "spare", "pair"]),
        (("eyepiece",), ["transmission", "focus_m", "coating", "coated"]),
        (("lenses", "any"), ["transmission", "focus_m", "coating", "coated"]),
        (("spare", 0), ["transmission", "focus_m", "coating", "coated"]),
        (("lenses",), []),
        (("name",), []),
        (("name", "x", "y"), []),
        (("pair", 0, "x"), []),
        (("nothing",), []),
        (("nothing", "x"), []),
    ],
)
def test_the_keys_at_a_location_are_those_of_the_model_there(
    location: tuple[int | str, ...], keys: list[str]
) -> None:
    assert keys_at(Telescope, location) == keys


def test_faults_of_a_validation_error_stand_in_the_order_of_the_fields() -> None:
    with pytest.raises(ValidationError) as caught:
        Telescope.model_validate({"name": 1, "pair": 2, "spare": 3})
    assert [f.path for f in faults_of(caught.value, Telescope)] == ["name", "spare", "pair"]
