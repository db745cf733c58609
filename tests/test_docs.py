"""The reference pages say what the code does."""

import importlib.util
import re
from pathlib import Path

import qnetsim as qn


def test_the_scenario_reference_is_made_from_the_present_models(root: Path) -> None:
    path = root / "docs" / "make_reference.py"
    spec = importlib.util.spec_from_file_location("make_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = (root / "docs" / "reference" / "scenario.md").read_text()
    assert page == module.text(), "run: python docs/make_reference.py"


def test_every_json_key_is_documented_and_every_documented_key_is_there(
    root: Path, small_simulation: qn.Simulation
) -> None:
    page = (root / "docs" / "reference" / "json.md").read_text()
    documented = set()
    for row in re.findall(r"^\| (`.*?) \|", page, re.MULTILINE):
        documented |= set(re.findall(r"`(\w+)`", row))
    keys = {key for key in small_simulation.run(0.001).summary() if not re.search("qber_1", key)}
    assert keys == documented


def test_the_architecture_page_draws_the_tree_as_it_is(root: Path) -> None:
    page = (root / "docs" / "explanation" / "architecture.md").read_text()
    drawn = set(re.findall(r"^ +(\w+\.py)", page, re.MULTILINE))
    files = {p.name for p in (root / "qnetsim").rglob("*.py")} - {"__init__.py", "__main__.py"}
    assert drawn == files
