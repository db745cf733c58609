"""The pictures of the security part by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from qnetsim.errors import Fault, InvalidInputError
from qnetsim.photonic_scenario import PhotonicScenario
from qnetsim.report.security import correlations, finite_key, rate_map, thresholds, ustc, variants
from qnetsim.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Load = Callable[[Sequence[str]], Scenario | PhotonicScenario]
"""Reads a scenario with changes."""

OF_BOUNDS: Mapping[str, Callable[[], Figure]] = {
    "munich-key": finite_key.draw_munich_key,
    "review-3a": variants.draw_noise,
    "review-3b": variants.draw_two_bases,
    "rate-map": rate_map.draw_rate_map,
    "thresholds": thresholds.draw_thresholds,
}
"""Pictures of bounds alone."""


def draw_correlations(scenario: Scenario | PhotonicScenario, seed: int) -> Figure:
    """Returns the picture of what a scenario's parties see at each pair of settings.

    Args:
        scenario: of either kind.
        seed: of its run.
    """
    result = scenario.run(seed)
    return correlations.draw_correlations(
        scenario.model.title, result.summary(), result.published, result.protocol.key_pairs
    )


def draw_ustc(what: Literal["ustc-table", "review-3c"], load: Load) -> Figure:
    """Returns the picture of USTC's table III or of random post-selection at its settings.

    Args:
        what: which of the two.
        load: reads USTC's scenario with changes.

    Raises:
        InvalidInputError: it is another scenario.
    """
    scenario = load(())
    if not isinstance(scenario, PhotonicScenario) or scenario.model.name != "ustc_2022":
        name = scenario.model.name
        raise InvalidInputError([Fault("SCENARIO", name, f"--what {what} is of ustc_2022 only")])
    draw = {"ustc-table": ustc.draw_table, "review-3c": ustc.draw_post_selection}[what]
    return draw(lambda changes: cast(PhotonicScenario, load(changes)))
