"""Validated, immutable descriptions of hardware, and one voice for what is wrong with them."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import ValidationError as PydanticError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from qnetsim.errors import Fault, InvalidInputError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelType
else:
    _ModelType = type(BaseModel)


def within(low: float, high: float, *, open_low: bool = False) -> Callable[[float], float]:
    """Returns a validator for low <= value <= high, or low < value where ``open_low``."""
    left, right = "(" if open_low else "[", ")" if math.isinf(high) else "]"
    bound = f"must lie in {left}{low:g}, {high:g}{right}"

    def check(value: float) -> float:
        if not low <= value <= high or (open_low and value == low):
            raise PydanticCustomError("range", "{bound}", {"bound": bound})
        return value

    return check


_CENTURY_S = 3.2e9
LONGEST_RUN_S = 9e6  # in ps it still fits the 64 bits of a result's arrays

Probability = Annotated[float, AfterValidator(within(0, 1))]
NonNegative = Annotated[float, AfterValidator(within(0, math.inf))]
Seconds = Annotated[float, AfterValidator(within(0, _CENTURY_S))]
PositiveSeconds = Annotated[float, AfterValidator(within(1e-12, _CENTURY_S))]
Metres = Annotated[float, AfterValidator(within(0, 1e9))]
Decibels = Annotated[float, AfterValidator(within(0, 1e4))]
RateHz = Annotated[float, AfterValidator(within(0, 1e12))]
Positive = Annotated[float, AfterValidator(within(1e-18, 1e18))]
Hertz = Annotated[float, AfterValidator(within(1e-9, 1e18))]
Wavelength = Annotated[float, AfterValidator(within(1e-7, 1e-4))]
Radians = Annotated[float, AfterValidator(within(0, 2 * math.pi))]
GroupIndex = Annotated[float, AfterValidator(within(1, 10))]
Exponent = Annotated[float, AfterValidator(within(0, 10, open_low=True))]
PositiveInteger = Annotated[int, AfterValidator(within(1, 10**9))]
NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_\-]*$"
Text = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, min_length=1, max_length=64)]


class _SpecType(_ModelType):
    """Makes a call of the class, and only that, answer in qnetsim's words."""

    def __call__(cls: type[BaseModel], *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # noqa: N805
        try:
            return _ModelType.__call__(cls, *args, **kwargs)
        except PydanticError as error:
            raise InvalidInputError(faults_of(error, cls), cls.__name__) from None


class Spec(BaseModel, metaclass=_SpecType):
    """A validated, immutable description; numbers are checked and never converted from text.

    Raises:
        InvalidInputError: a field is missing, unknown or out of its range.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True
    )


def described(text: str, **kwargs: Any) -> Any:
    """Returns a field with a description (for the schema), optional where a default is given."""
    return Field(description=text, **kwargs)


def faults_of(error: PydanticError, model: type[BaseModel]) -> list[Fault]:
    """Returns a validation error's faults, with the nearest known key for each unknown one."""
    return [_fault(item, model) for item in error.errors(include_url=False)]


def _fault(item: Mapping[str, Any], model: type[BaseModel]) -> Fault:
    location = tuple(item["loc"])
    path = dotted(location)
    kind = item["type"]
    if kind == "missing":
        return Fault(path, "", "is missing")
    if kind == "extra_forbidden":
        known = keys_at(model, location[:-1])
        return Fault(path, "", "unknown key" + suggestion(str(location[-1]), known))
    if kind in _TYPES:
        return Fault(path, shown(item["input"]), _TYPES[kind])
    absent = item["input"] is None or isinstance(item["input"], Mapping)
    return Fault(path, "" if absent else shown(item["input"]), _bound(str(item["msg"])))


_TYPES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_type": "must be a table",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
}


def _bound(message: str) -> str:
    """Returns what must hold, from pydantic's sentence about what should."""
    message = re.sub(r"^(Input|String|List|Tuple) should", "must", message)
    message = re.sub(r"^must be (?='.* or )", "must be one of ", message)
    message = message.replace(" after validation", "")
    return message[:1].lower() + message[1:]


def dotted(location: Iterable[int | str]) -> str:
    """Returns a location in a file as it is written in ``--set``."""
    return ".".join(str(part) or "''" for part in location if part != "[key]") or "(top)"


def shown(value: Any) -> str:
    """Returns a value as a message shows it: short, on one line."""
    try:
        text = str(value).lower() if isinstance(value, bool) else repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, tables in tables
        return "(too long to show)"
    return text if len(text) <= 60 else text[:57] + "..."


def suggestion(word: str, known: Iterable[str]) -> str:
    """Returns ``; did you mean 'x'?`` for the nearest known word, or the known words."""
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known here: {', '.join(choices)}" if choices else ""


def keys_at(model: type[BaseModel], location: Iterable[int | str]) -> list[str]:
    """Returns the keys of the model at a location inside another; none if none is there."""
    inner = _annotation_at(model, location)
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return [field.alias or name for name, field in inner.model_fields.items()]
    return []


def field_at(model: type[BaseModel], location: Sequence[int | str]) -> FieldInfo | None:
    """Returns what a model says of the key at a location inside it; ``None`` if none is there."""
    inner = _annotation_at(model, location[:-1])
    if isinstance(inner, type) and issubclass(inner, BaseModel):
        return _field_of(inner, location[-1])
    return None


def _annotation_at(model: type[BaseModel], location: Iterable[int | str]) -> Any:
    """Returns the type of what stands at a location inside a model, ``None`` if nothing does."""
    annotation: Any = model
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            field = _field_of(annotation, part)
            annotation = field.annotation if field else None
        else:
            annotation = next(reversed(get_args(annotation)), None)
        annotation = required(annotation)
    return annotation


def _field_of(model: type[BaseModel], key: int | str) -> FieldInfo | None:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    return fields.get(str(key))


def required(annotation: Any) -> Any:
    """Returns an optional annotation's other half, without its metadata."""
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation
