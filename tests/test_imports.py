"""What importing and starting qnetsim loads, and what its public list holds."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import qnetsim

HEAVY = {
    "click", "cvxpy", "matplotlib", "networkx", "numpy", "pandas", "pydantic", "qutip", "rich",
    "scipy", "simpy",
}  # fmt: skip

START = """
import sys
from qnetsim.cli import main
sys.argv[0] = "qnetsim"
try:
    main()
except SystemExit as stop:
    assert not stop.code, stop.code
"""
TELL = "\nimport sys\nprint(sorted(name for name in sys.modules if '.' not in name))"


def loaded_by(script: str, *arguments: str) -> set[str]:
    """Returns the top-level packages that a script loads in a process of its own."""
    command = [sys.executable, "-c", script + TELL, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import qnetsim") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_loads_click_and_nothing_else_heavy(arguments: list[str]) -> None:
    assert loaded_by(START, *arguments) & HEAVY == {"click"}


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_run_loads_no_solver_and_no_plotting(munich: Path, form: list[str]) -> None:
    loaded = loaded_by(START, "run", str(munich), "--set", "run.duration_s=2000", *form)
    assert {"simpy", "numpy", "pydantic"} <= loaded
    assert not loaded & {"qutip", "cvxpy", "matplotlib", "networkx", "pandas"}


def test_refusing_a_file_simulates_nothing_and_draws_no_table(tmp_path: Path) -> None:
    script = START.replace("assert not stop.code", "assert stop.code == 2")
    assert not loaded_by(script, "run", str(tmp_path / "missing.toml")) & {"rich", "qutip", "cvxpy"}


@pytest.mark.parametrize("name", qnetsim.__all__)
def test_every_public_name_resolves(name: str) -> None:
    assert getattr(qnetsim, name) is not None


def test_the_public_list_the_homes_and_dir_agree() -> None:
    assert dir(qnetsim) == sorted(qnetsim.__all__)
    assert len(set(qnetsim.__all__)) == len(qnetsim.__all__)
    assert set(qnetsim.__all__) == {*qnetsim._HOMES, "__version__"}


@pytest.mark.parametrize(("name", "home"), qnetsim._HOMES.items())
def test_every_public_name_lives_where_its_home_says(name: str, home: str) -> None:
    assert getattr(qnetsim, name).__module__ == f"qnetsim.{home}"


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse(Path(qnetsim.__file__).read_text(encoding="utf-8"))
    (checking,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {name: f"qnetsim.{home}" for name, home in qnetsim._HOMES.items()}


def test_a_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from qnetsim import *", names)
    assert set(qnetsim.__all__) <= set(names)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'qnetsim' has no attribute 'Qubit'"):
        qnetsim.Qubit  # noqa: B018
    with pytest.raises(ImportError):
        from qnetsim import Qubit  # noqa: F401
