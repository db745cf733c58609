"""The hardware that inverse design starts from: a scenario file's, or a study's."""

from __future__ import annotations

import os
from collections.abc import Iterable

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.scenario import Scenario, load_scenario
from qnetsim.scenario_file import read_toml
from qnetsim.spec import suggestion
from qnetsim.study import parameters
from qnetsim.study.knob import Span
from qnetsim.study.study import Study, load_study

_MARK = "scenarios"


def load_base(
    path: str | os.PathLike[str], settings: Iterable[str] = (), name: str | None = None
) -> tuple[Scenario | PhotonicScenario, dict[str, Span]]:
    """Returns a scenario to start from, and how far a study's axes vary its parameters.

    Args:
        path: a scenario file or a study file; of a study, the base scenario with its ``[set]``.
        settings: changes to the file, as ``load_scenario`` or ``load_study`` takes them.
        name: of the scenario, where a study has several.

    Raises:
        InvalidInputError: something is wrong with them, or the study has several scenarios and
            none of them is named; lists every fault.
    """
    if _MARK not in read_toml(path):
        scenario = load_scenario(path, settings)
        if name is not None and name != scenario.model.name:
            bound = f"is for studies: this is the scenario '{scenario.model.name}'"
            raise InvalidInputError([Fault("--scenario", repr(name), bound)])
        return scenario, {}
    study = load_study(path, settings)
    return _base(study, name), _spans(study)


def _base(study: Study, name: str | None) -> Scenario | PhotonicScenario:
    names = list(study.scenarios)
    if name is None and len(names) > 1:
        bound = "is missing: the study has several scenarios, " + ", ".join(names)
        raise InvalidInputError([Fault("--scenario", "", bound)])
    if name is not None and name not in names:
        bound = "the study has no scenario called that" + suggestion(name, names)
        raise InvalidInputError([Fault("--scenario", repr(name), bound)])
    base = study.scenarios[name or names[0]]
    data, model = base.model.model_dump(), type(base).describes
    for path, value in study.model.set.items():
        data = parameters.assign(data, parameters.expand(data, path, value, model))
    return type(base)(data)


def _spans(study: Study) -> dict[str, Span]:
    """Returns the least and the greatest value of each axis of numbers."""
    spans = {}
    for axis in study.model.axes:
        for _, one in axis.series:
            values = one.raw_values(integers=False)
            numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
            if one.path is not None and len(numbers) == len(values):
                spans[one.path] = (float(min(numbers)), float(max(numbers)))
    return spans
