"""Figures of the proposed photonic scenarios that were only computed, kept to see a change.

No publication gives them: their parts are inferred. S, Q, herald probability and key rate are those
of the closed forms.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from qnetsim.photonic_scenario import PhotonicScenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
AMPLIFIER, SWAPPING = "amplifier_heralded", "photonic_swapping"
ON_DEMAND = (
    "pair_source.statistics=single", "pair_source.mean_pairs=1",
    "bob.relay.pairs.statistics=single", "bob.relay.pairs.mean_pairs=1",
    "pair_source.coupling_efficiency=0.99", "bob.relay.pairs.coupling_efficiency=0.99",
)  # fmt: skip
THRESHOLD = ("bob.relay.station.detector.number_resolving=false",)
DOWN_CONVERSION = ("pair_source.statistics=thermal", "pair_source.mean_pairs=0.01")


@pytest.mark.parametrize(
    ("name", "settings", "herald", "share", "s", "q", "rate"),
    [
        (SWAPPING, (), 4.8665e-05, 0.4681, 1.81379, 0.07440, 0.0),
        (SWAPPING, ON_DEMAND, 0.26800, 0.9900, 2.54727, 0.03794, 0.04678),
        (AMPLIFIER, (), 0.0059180, 0.9719, 2.58008, 0.04145, 0.05105),
        (AMPLIFIER, THRESHOLD, 0.0059753, 0.9626, 2.55609, 0.04566, 0.04280),
        (AMPLIFIER, ("bob.relay.source=pairs",), 0.29696, 0.9900, 2.59946, 0.03794, 0.05801),
        (AMPLIFIER, ("alice.herald=relay",), 5.5181e-05, 0.9694, 2.56277, 0.04236, 0.04665),
        (AMPLIFIER, ("bob.herald=non-demolition",), 0.56219, 0.9702, 2.58690, 0.04241, 0.05182),
        (AMPLIFIER, DOWN_CONVERSION, 0.00016091, 0.3522, 2.14299, 0.02009, 0.0),
    ],
)
def test_figures_of_a_proposal(name, settings, herald, share, s, q, rate):
    path = SCENARIOS / f"{name}.toml"
    found = PhotonicScenario.load(path, ("run.max_rounds=1", *settings)).run(1).summary()
    assert found["expected_herald_probability"] == pytest.approx(herald, rel=1e-4)
    assert found["heralds_by_cause"]["pair"]["expected_share"] == pytest.approx(share, abs=1e-4)
    assert found["expected_chsh_s"] == pytest.approx(s, abs=1e-5)
    assert found["expected_qber"] == pytest.approx(q, abs=1e-5)
    assert found["expected_key_rate_bits_per_round"] == pytest.approx(rate, abs=1e-5)
