"""A store's points and rows as tables of pandas, files of Parquet and data sets of xarray.

What these need comes with ``pip install 'qnetsim[analysis]'``.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qnetsim.errors import Fault, InvalidInputError, QnetsimError
from qnetsim.files import write_whole
from qnetsim.study.naming import short_names, split_unit
from qnetsim.study.store import Contents, Row, read_store
from qnetsim.study.study import Study
from qnetsim.study.table import Point, axes_of, points_of

if TYPE_CHECKING:
    import pandas
    import xarray

Source = Contents | str | os.PathLike[str]
"""A store that was read, or its file."""

METADATA = "qnetsim"
"""Under this name a frame's ``attrs``, a Parquet file's metadata and a data set's ``attrs`` keep
the version of qnetsim and the definitions of the studies."""

_ENDS = {"": "value", "_stderr": "stderr", "_low": "low", "_high": "high"}


def study_frame(source: Source, report: Callable[[int], None] | None = None) -> pandas.DataFrame:
    """Returns a data frame with a row for each point of a store's studies, in canonical order.

    Columns: ``study``; ``point``, its number; ``id``; the axes by the last words of their paths;
    ``blocks``, ``failed`` and ``complete``; and of every figure, named as in
    ``qnetsim run --json``, its value, its standard error (``..._stderr``), the ends of its 95 %
    interval (``..._low``, ``..._high``) and its closed form (``expected_...``). Names end in their
    unit. What a point has not, is missing.

    Args:
        source: the store.
        report: called with the number of finished points of a study.

    Raises:
        InvalidInputError: it is no store, or two rows contradict each other.
        QnetsimError: pandas is not installed.
    """
    contents = _read(source)
    rows = []
    for study in studies_of(contents):
        names = short_names(study.paths)
        for number, point in enumerate(points_of(study, contents, report=report)):
            rows.append(_head(study, number, point.task.strong_id, point.values, names))
            rows[-1] |= {
                "blocks": point.blocks,
                "failed": len(point.errors),
                "complete": point.ended,
                **_figures(point),
            }
    return _frame(rows, contents)


def rows_frame(source: Source) -> pandas.DataFrame:
    """Returns a data frame with a row for each block in a store, task by task and block by block.

    Columns: those of ``study_frame`` that say which point it is; ``block``, ``seed``, ``error``;
    and the counts by their names, nested ones joined by dots.

    Args:
        source: the store.

    Raises:
        InvalidInputError: it is no store, or two rows contradict each other.
        QnetsimError: pandas is not installed.
    """
    contents = _read(source)
    rows = []
    for study in studies_of(contents):
        names = short_names(study.paths)
        for number, task in enumerate(study.tasks()):
            for row in contents.rows_of(task.strong_id):
                rows.append(_head(study, number, task.strong_id, task.point, names))
                rows[-1] |= _block(row)
    return _frame(rows, contents)


def to_parquet(frame: pandas.DataFrame, path: str | os.PathLike[str]) -> None:
    """Writes a frame of ``study_frame`` or ``rows_frame``, and what it is of, as a Parquet file.

    Args:
        frame: what to write.
        path: the file; it appears whole or not at all.

    Raises:
        OSError: it cannot be written.
        QnetsimError: pyarrow is not installed.
    """
    pyarrow = _needed("pyarrow")
    parquet = _needed("pyarrow.parquet")
    table = pyarrow.Table.from_pandas(frame, preserve_index=False)
    about = {METADATA: json.dumps(frame.attrs.get(METADATA), sort_keys=True)}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), **about})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    write_whole(path, sink.getvalue().to_pybytes())


def to_xarray(source: Source, study: str | None = None) -> xarray.Dataset:
    """Returns a study's figures as a data set over its axes.

    Each axis is a dimension with the name of its path's last words; paths that are stepped
    together share that of the first. Variables are the figures of ``study_frame``, with their unit
    in ``attrs["units"]``.

    Args:
        source: the store.
        study: the study's name, where the store has several.

    Raises:
        InvalidInputError: it is no store, or has no such study, or has several and none is named.
        QnetsimError: xarray is not installed.
    """
    module = _needed("xarray")
    contents = _read(source)
    chosen = _chosen(studies_of(contents), study)
    points = list(points_of(chosen, contents))
    names = short_names(chosen.paths)
    axes = {names[group[0]]: group for group in axes_of([point.values for point in points])}
    steps = {dim: list(dict.fromkeys(_plain(p.values[g[0]]) for p in points))
             for dim, g in axes.items()}  # fmt: skip
    coordinates: dict[str, Any] = {}
    for dim, group in axes.items():
        for path in group:
            along = dict.fromkeys(
                (_plain(p.values[group[0]]), _plain(p.values[path])) for p in points
            )
            coordinates[names[path]] = (dim, [value for _, value in along], _units(names[path]))
    moving = {path for group in axes.values() for path in group}
    for path in chosen.paths:
        if path not in moving and points:
            coordinates[names[path]] = ((), _plain(points[0].values[path]), _units(names[path]))
    places = [
        tuple(steps[dim].index(_plain(p.values[group[0]])) for dim, group in axes.items())
        for p in points
    ]
    shape = tuple(map(len, steps.values()))
    variables = {
        key: (tuple(axes), values, _units(key)) for key, values in _arrays(points, places, shape)
    }
    about = json.dumps(_about(contents), sort_keys=True)
    data: xarray.Dataset = module.Dataset(
        variables, coordinates, {"title": chosen.title, METADATA: about}
    )
    return data


def studies_of(contents: Contents) -> list[Study]:
    """Returns the studies of a store, in the file's order."""
    return [Study.from_definition(definition) for definition in contents.studies]


def _read(source: Source) -> Contents:
    _needed("pandas")
    return source if isinstance(source, Contents) else read_store(source)


def _needed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        package = name.partition(".")[0]
        install = "pip install 'qnetsim[analysis]'"
        raise QnetsimError(f"{package} is not installed: {install}") from None


def _chosen(studies: Sequence[Study], name: str | None) -> Study:
    fitting = [study for study in studies if name in (None, study.name)]
    if len(fitting) != 1:
        held = ", ".join(study.name for study in studies) or "none"
        bound = f"must be the name of one study; the store has {held}"
        raise InvalidInputError([Fault("study", name or "", bound)])
    return fitting[0]


def _head(
    study: Study, number: int, strong_id: str, values: Mapping[str, Any], names: Mapping[str, str]
) -> dict[str, Any]:
    place = {names[path]: _plain(value) for path, value in values.items()}
    return {"study": study.name, "point": number, "id": strong_id, **place}


def _figures(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, figure in point.figures.items():
        found |= {key + end: getattr(figure, field) for end, field in _ENDS.items()}
        found[f"expected_{key}"] = figure.expected
    return found


def _block(row: Row) -> dict[str, Any]:
    head = {"block": row["block"], "seed": row["seed"], "error": row.get("error")}
    return head | dict(_flat(row.get("counts", {}), ""))


def _flat(counts: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in counts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, _plain(value)


def _plain(value: Any) -> Any:
    """Returns a value as a table can hold it: tables and lists as JSON."""
    return json.dumps(value) if isinstance(value, Mapping | list | tuple) else value


def _frame(rows: Sequence[Mapping[str, Any]], contents: Contents) -> pandas.DataFrame:
    import pandas

    frame = pandas.DataFrame(list(rows))
    for name in frame.columns:
        kinds = {type(row.get(name)) for row in rows} - {type(None)}
        if len(kinds) > 1 and not kinds <= {int, float}:
            frame[name] = [None if row.get(name) is None else str(row[name]) for row in rows]
    if "seed" in frame:
        frame["seed"] = frame["seed"].astype("uint64")
    frame.attrs[METADATA] = _about(contents)
    return frame


def _about(contents: Contents) -> dict[str, Any]:
    return {"version": contents.version, "studies": contents.studies}


def _arrays(
    points: Sequence[Point], places: Sequence[tuple[int, ...]], shape: tuple[int, ...]
) -> Iterator[tuple[str, Any]]:
    """Yields the figures as arrays over the axes, not a number where a point has none."""
    import numpy as np

    found = [_figures(point) for point in points]
    for key in dict.fromkeys(key for figures in found for key in figures):
        values = np.full(shape, np.nan)
        for place, figures in zip(places, found, strict=True):
            value = figures.get(key)
            values[place] = np.nan if value is None else value
        yield key, values


def _units(name: str) -> dict[str, str]:
    bare = name.removeprefix("expected_")
    for end in _ENDS:
        bare = bare.removesuffix(end) if end else bare
    unit = split_unit(bare)[1]
    return {"units": unit} if unit else {}
