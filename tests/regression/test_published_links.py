"""What the scenarios of published links yield, as computed: a change is noticed, and explained.

Which of these figures are published, and how far off they are: tests/reference, and
docs/explanation/published_links.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim import Scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"


NODES = "alice", "bob"


def over(km: int) -> tuple[str, ...]:
    """Returns settings for so much fibre with the station in its middle."""
    channels = [f"{kind}.{node}_bsm" for kind in ("fibres", "classical") for node in NODES]
    return tuple(f"{channel}.length_m={km * 500.0}" for channel in channels)


def emitting(alpha: float) -> tuple[str, ...]:
    """Returns settings for so large a share that emits."""
    return tuple(f"nodes.{node}.bright_population={alpha}" for node in NODES)


KEYS = "expected_herald_probability", "expected_herald_rate_hz", "expected_duty_cycle"
STATE_KEYS = "state_fidelity", "expected_chsh_s", "expected_qber"

LINKS = [
    ("oxford_2022", (), (0.0001589, 52.54, 0.3307), (0.9600, 2.6769, 0.0144)),
    ("oxford_2020", (), (0.0002169, 181, 0.8345), (0.9400, 2.6158, 0.0303)),
    ("munich_33km", over(6), (1.48e-06, 0.01959, 0.5524), (0.8608, 2.3091, 0.0918)),
    ("munich_33km", over(11), (1.152e-06, 0.01078, 0.6199), (0.8441, 2.2179, 0.1079)),
    ("munich_33km", over(23), (6.325e-07, 0.003451, 0.6819), (0.7751, 1.8374, 0.1752)),
    ("munich_33km", over(33), (3.846e-07, 0.001551, 0.7016), (0.7000, 1.4225, 0.2485)),
    ("nv_delft", (), (6.42e-09, 0.0003119, 0.728), (0.9114, 2.3729, 0.1879)),
    ("single_photon_link", emitting(0.05), (3.595e-05, 6.536, 1), (0.8612, 2.0769, 0.1194)),
    ("single_photon_link", emitting(0.1), (7.09e-05, 12.89, 1), (0.8274, 1.9550, 0.1491)),
    ("single_photon_link", emitting(0.2), (0.0001408, 25.6, 0.9999), (0.7407, 1.6342, 0.2279)),
    ("single_photon_link", emitting(0.3), (0.0002107, 38.3, 0.9999), (0.6496, 1.2960, 0.3109)),
    ("cavity_array", (), (0.0001732, 0.285, 0.9984), (0.9263, 2.5772, 0.0303)),
]


@pytest.mark.parametrize(("name", "settings", "rates", "state"), LINKS)
def test_closed_forms_are_what_they_were(
    name: str, settings: tuple[str, ...], rates: tuple[float, ...], state: tuple[float, ...]
):
    path = SCENARIOS / f"{name}.toml"
    figures = Scenario.load(path, ("run.duration_s=1e-6", *settings)).run(0).summary()
    assert [figures[key] for key in KEYS] == pytest.approx(rates, rel=1e-3)
    assert [figures[key] for key in STATE_KEYS] == pytest.approx(state, abs=1e-4)
