"""The README's script runs as it stands."""

import re
from pathlib import Path


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
