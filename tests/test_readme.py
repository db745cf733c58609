"""The README's script runs as it stands."""

import json
import re
from pathlib import Path

from prompt import Command


def test_the_script_in_the_readme_runs(root: Path, capsys: object) -> None:
    text = (root / "README.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(script.splitlines()) <= 25
    namespace: dict[str, object] = {}
    exec(compile(script, "README.md", "exec"), namespace)
    assert namespace["result"].chsh.value > 2  # type: ignore[attr-defined]


def test_links_in_the_docs_lead_somewhere(root: Path) -> None:
    pages = [root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_scenarios_in_the_readme_are_those_that_there_are(root: Path) -> None:
    rows = [r for r in (root / "README.md").read_text().splitlines() if r.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+\.toml)`", row)}
    assert named == {path.name for path in (root / "scenarios").glob("*.toml")}


def test_the_trace_in_the_readme_shows_attempts_and_heralds(
    root: Path, tmp_path: Path, command: Command
) -> None:
    text = (root / "README.md").read_text()
    ((scenario, settings),) = re.findall(r"^qnetsim run (\S+) (.*) --trace", text, re.MULTILINE)
    path = tmp_path / "trace.json"
    assert command("run", root / scenario, *settings.split(), "--trace", path).code == 0
    names = [span["name"] for span in json.loads(path.read_text())["traceEvents"]]
    assert names.count("attempts") >= 2
    assert names.count("herald") >= 2
    assert path.stat().st_size < 100_000
