"""Writes docs/reference/scenario.md from the models: `python docs/make_reference.py`."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from qnetsim.channels.attenuation import attenuation_tables
from qnetsim.nodes.species import species_table
from qnetsim.photonic_scenario import PhotonicModel
from qnetsim.scenario import ScenarioModel
from qnetsim.scenario_file import Head

PAGE = Path(__file__).resolve().parent / "reference" / "scenario.md"
HEAD = """# Scenario files

TOML. Made from the models by `docs/make_reference.py`. Every number is an SI float in the unit that
its name ends in; probabilities have none. Names in `<angle brackets>` are yours. A table that is
optional as a whole is marked so; inside it, what has no default is required. What `species`
and the `type` of a fibre may name stands [at the end](#species).
"""
SPECIES = """
# Species

What `species` may name; `nodes/species.toml` holds them. The lifetime is that of the excited
state's free decay, on all its lines.

| name | wavelength (nm) | lifetime (ns) | source |
|---|---|---|---|"""
FIBRES = """
# Fibre types

What `type` of a fibre may name; `channels/attenuation.toml` holds them. Between two
entries attenuation follows a power of the wavelength; outside them it is refused.

| name | from (nm) | to (nm) | dB/km at nm | source |
|---|---|---|---|---|"""
PHOTONIC = "A file with a table `[pair_source]` describes an all-photonic link.\n"


def text() -> str:
    parts = [HEAD, "\n# Links of memories\n"]
    _describe(ScenarioModel, "", parts, optional=False)
    parts += ["\n# Photonic links\n", PHOTONIC]
    described: dict[type[BaseModel], str] = {}
    _describe(PhotonicModel, "", parts, optional=False, described=described)
    parts += [SPECIES, *_species(), FIBRES, *_fibres(), ""]
    return "\n".join(parts)


def _species() -> Iterator[str]:
    for name, line in species_table().items():
        assert line.wavelength_m is not None
        assert line.lifetime_s is not None
        figures = f"{line.wavelength_m * 1e9:.6g} | {line.lifetime_s * 1e9:.6g}"
        yield f"| `{name}` | {figures} | {line.source} |"


def _fibres() -> Iterator[str]:
    for name, table in attenuation_tables().items():
        nm = [f"{wavelength_m * 1e9:.6g}" for wavelength_m in table.wavelengths_m]
        losses = ", ".join(f"{db:g} at {at}" for db, at in zip(table.db_per_km, nm, strict=True))
        yield f"| `{name}` | {nm[0]} | {nm[-1]} | {losses} | {table.source} |"


def _describe(
    model: type[BaseModel],
    path: str,
    parts: list[str],
    *,
    optional: bool,
    note: str = "",
    described: dict[type[BaseModel], str] | None = None,
) -> None:
    """Appends a table's section; one like a table in ``described`` refers to that."""
    heading = f"\n## `[{path}]`" if path else "\n## top of the file"
    heading += " (optional)\n" if optional else "\n"
    if described is not None:
        if model in described:
            parts += [heading, "; ".join(filter(None, [note, f"as `[{described[model]}]`"]))]
            return
        described[model] = path
    rows, below = [], []
    told_last = Head.model_fields if issubclass(model, Head) else {}
    for name, field in sorted(model.model_fields.items(), key=lambda named: named[0] in told_last):
        kind, inner, wrapper = _kind(field.annotation)
        if inner is not None:
            place = f"{path}.{name}" if path else name
            if wrapper == "dict":
                place += f".<{name.rstrip('s')}>"
            place = f"[{place}]" if wrapper == "list" else place
            below.append((inner, place, field.default is None, field.description or ""))
            continue
        rows.append(_row(name, kind, field))
    if rows:
        summary = (model.__doc__ or "").strip().splitlines()[0]
        if described is not None and note:
            summary += f" Here: {note}."
        parts += [heading, f"{summary}\n", "| key | type | default | |"]
        parts += ["|---|---|---|---|", *rows]
    for inner, place, absent, words in below:
        _describe(inner, place, parts, optional=absent, note=words, described=described)


def _row(name: str, kind: str, field: FieldInfo) -> str:
    default = "required"
    if field.default is None:
        default = "absent"
    elif field.default is not PydanticUndefined:
        default = f"`{field.default}`"
    metadata = [*field.metadata, *_optional_metadata(field.annotation)]
    ranges = [b for b in (_bound(m) for m in metadata) if b]
    words = "; ".join([field.description or "", *ranges]).strip("; ").replace("|", "\\|")
    return f"| `{name}` | {kind} | {default} | {words} |"


def _kind(annotation: Any) -> tuple[str, type[BaseModel] | None, str]:
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(a for a in get_args(annotation) if a is not type(None))
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    origin, args = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "table", annotation, "table"
    if origin is dict:
        return "table", _kind(args[1])[1], "dict"
    if origin is list:
        kind, inner, _ = _kind(args[0])
        return f"list of {kind}", inner, "list"
    if origin is tuple:
        return "[" + ", ".join(_kind(a)[0] for a in args) + "]", None, ""
    if args:
        return " or ".join(f"`{a!r}`" for a in args), None, ""
    return (
        {float: "number", int: "integer", str: "text", bool: "true or false"}[annotation],
        None,
        "",
    )


def _optional_metadata(annotation: Any) -> list[Any]:
    """Returns what annotates the part of an optional type that is not None."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    return [m for part in parts if get_origin(part) is Annotated for m in get_args(part)[1:]]


def _bound(metadata: Any) -> str:
    function = getattr(metadata, "func", None)
    cells = getattr(function, "__closure__", None) or ()
    texts = [c.cell_contents for c in cells if isinstance(c.cell_contents, str)]
    return texts[0].removeprefix("must lie ") if texts else ""


if __name__ == "__main__":
    PAGE.write_text(text())
