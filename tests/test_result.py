"""What a result holds and how it shows itself."""

import io
import json

import numpy as np
import pytest
import qutip
from rich.console import Console
from rich.measure import Measurement

import qnetsim as qn
from qnetsim.display import Section, rich_view
from qnetsim.result import key_rate


@pytest.fixture
def result(small_network: qn.Network, protocol: qn.DIQKD) -> qn.Result:
    return qn.simulate(small_network, protocol, seed=5, max_rounds=2000)


def test_a_run_ends_with_the_rounds_that_were_asked_for(result: qn.Result) -> None:
    assert len(result.rounds.x) == 2000
    assert len(result.heralds) == 2000
    assert result.summary()["rounds"] == 2000


def test_arrays_agree_with_each_other(result: qn.Result) -> None:
    heralds = result.heralds
    assert np.all(np.diff(heralds.time_ps) > 0)
    assert np.all(heralds.wait_ps > 0)
    assert set(heralds.bell_state.tolist()) == {"psi+", "psi-"}
    assert np.all((heralds.clicks == 3) | (heralds.clicks == 12) == (heralds.bell_state == "psi+"))
    assert heralds.states.shape[1:] == (4, 4)
    assert result.attempts >= len(heralds)
    assert np.allclose(np.trace(heralds.states, axis1=1, axis2=2), 1)


def test_states_are_qutip_objects_close_to_what_was_heralded(result: qn.Result) -> None:
    both = int(np.flatnonzero(result.heralds.cause == "true pair")[0])
    state = result.heralds.state(both)
    assert isinstance(state, qutip.Qobj)
    name = {"psi+": "10", "psi-": "11"}[result.heralds.bell_state[both]]
    assert qutip.expect(state, qutip.bell_state(name)) > 0.85


def test_a_data_frame_has_a_row_for_each_round(result: qn.Result) -> None:
    frame = result.to_pandas()
    assert list(frame.columns) == [
        "herald", "time_s", "wait_s", "bell_state", "x", "y", "a", "b",
    ]  # fmt: skip
    assert len(frame) == 2000
    product = frame[(frame.x == 2) & (frame.y == 1)].eval("a * b").mean()
    assert product == pytest.approx(result.correlators[2, 1].value)


def test_shares_of_each_nodes_time_add_up_to_one(result: qn.Result) -> None:
    for shares in result.summary()["duty_cycle"]["nodes"].values():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12)


def test_a_result_shows_itself_in_a_terminal_and_in_a_notebook(result: qn.Result) -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(result)
    text = console.file.getvalue()
    html = result._repr_html_()
    for word in ("CHSH value S", "closed form", "X=2 Y=1", "attempting"):
        assert word in text
        assert word in html
    assert "published" not in text.splitlines()[3]
    assert html.count("<table>") == 5


def test_the_summary_is_json_that_any_parser_reads(result: qn.Result) -> None:
    text = json.dumps(result.summary(), allow_nan=False)
    assert json.loads(text)["correlators"]["21"]["value"] == result.correlators[2, 1].value


def test_key_rates_come_from_the_bound_and_are_never_negative() -> None:
    assert key_rate("two-basis", 2.578, [0.0781, 0.0777], 0.25, 0) == pytest.approx(
        0.0703, abs=1e-4
    )
    assert key_rate("chsh", 2.7, [0.02], 1.0, 0.0) > 0
    assert key_rate("chsh", 2.1, [0.2], 1.0, 0.0) == 0
    kept = key_rate("chsh", 2.7, [0.02], 1.0, 0.0) - key_rate("chsh", 2.7, [0.02], 1.0, 0.125)
    assert kept == pytest.approx(0.125, rel=1e-12), "what leaks is deducted"


def test_a_run_can_go_on_and_counts_from_where_it_was(small_simulation: qn.Simulation) -> None:
    first = small_simulation.run(0.002)
    second = small_simulation.run(0.003)
    assert second.sim_time_s == pytest.approx(0.005)
    kept = len(first.heralds)
    assert 0 < kept < len(second.heralds)
    assert np.array_equal(second.heralds.time_ps[:kept], first.heralds.time_ps)


def test_dead_time_beyond_an_attempt_has_no_closed_form_and_says_so(
    small_network: qn.Network, protocol: qn.DIQKD
) -> None:
    slow = small_network.stations["bsm"].detector.model_copy(update={"dead_time_s": 1e-4})
    spec = small_network.stations["bsm"].model_copy(update={"detector": slow})
    small_network.stations["bsm"] = spec
    summary = qn.simulate(small_network, protocol, seed=1, max_rounds=50).summary()
    assert summary["expected_herald_rate_hz"] is None
    assert summary["expected_chsh_s"] is None
    assert summary["expected_key_rate_bits_per_s"] is None


def test_tables_have_room_for_every_number_on_a_narrow_terminal() -> None:
    prose = "a long sentence that may break wherever there is a space in it"
    rows = [("a quantity with a name that may break", "0.00033", "822351", prose)]
    view = rich_view("t", [Section("", ("quantity", "value", "attempts", "source"), rows)])
    wide = Console(width=1000)
    least = Measurement.get(wide, wide.options, view).minimum
    assert least < 60
    narrow = Console(width=least, record=True, file=io.StringIO())
    narrow.print(view)
    assert {"0.00033", "822351"} <= set(narrow.export_text().split())
