"""Makes the documentation's pictures and the tables beside them: `make figures`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np

import qnetsim as qn
from qnetsim.report.security import gallery, thresholds, ustc

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "explanation" / "security_figures.md"
SIMULATED, PUBLISHED, CLOSED = "#1b6ca8", "#c1440e", "#444444"


def main() -> None:
    munich()
    security()


def munich() -> None:
    result = qn.Scenario.load(ROOT / "scenarios" / "munich_2022.toml").run(seed=7)
    summary = result.summary()
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    hours = result.heralds.time_s / 3600
    left.step(hours, np.arange(1, len(hours) + 1), where="post", color=SIMULATED, label="simulated")
    end = result.sim_time_s / 3600
    expected = summary["expected_herald_rate_hz"] * result.sim_time_s
    left.plot([0, end], [0, expected], "--", color=CLOSED, lw=1, label="closed form")
    left.plot(75, 3342, "D", color=PUBLISHED, label="published", zorder=3)
    left.set(xlabel="time (h)", ylabel="heralds", xlim=(0, 1.03 * end), ylim=0)
    left.legend(frameon=False)
    settings = list(summary["correlators"])
    place = np.arange(len(settings))
    observed = summary["correlators"].values()
    right.bar(
        place,
        [c["expected"] for c in observed],
        color="#dddddd",
        edgecolor=CLOSED,
        lw=0.6,
        label="closed form",
    )
    right.errorbar(
        place - 0.12,
        [c["value"] for c in observed],
        [c["stderr"] for c in observed],
        fmt="o",
        ms=4,
        color=SIMULATED,
        label="simulated",
    )
    papers = [(k, result.published.get(f"correlators.{s}")) for k, s in enumerate(settings)]
    known = [(k, paper) for k, paper in papers if paper]
    right.errorbar(
        [k + 0.12 for k, _ in known],
        [paper.value for _, paper in known],
        [paper.stderr for _, paper in known],
        fmt="D",
        ms=4,
        color=PUBLISHED,
        label="published",
    )
    right.axhline(0, color="black", lw=0.6)
    right.set(xlabel="settings XY", ylabel="correlator E", ylim=(-1, 1))
    right.set_xticks(place, settings)
    right.legend(frameon=False, loc="upper right", ncols=3, fontsize="small")
    figure.savefig(ROOT / "docs" / "images" / "munich_2022.png", dpi=130)


def security() -> None:
    load_ustc = partial(qn.load_scenario, ROOT / "scenarios" / "ustc_2022.toml")
    link = qn.load_scenario(ROOT / "scenarios" / "munich_2022.toml")
    pictures = {name: draw() for name, draw in gallery.OF_BOUNDS.items() if name != "thresholds"}
    pictures["correlations"] = gallery.draw_correlations(link, seed=7)
    for name in ("ustc-table", "review-3c"):
        pictures[name] = gallery.draw_ustc(name, load_ustc)
    for name, figure in pictures.items():
        figure.savefig(ROOT / "docs" / "images" / f"{name.replace('-', '_')}.png", dpi=110)
    page = PAGE.read_text()
    for name, table in (
        ("ustc", ustc_table(load_ustc)),
        ("thresholds", markdown(thresholds.HEADINGS, thresholds.rows())),
    ):
        page = with_table(page, name, table)
    PAGE.write_text(page)


def ustc_table(load: ustc.Load) -> str:
    return markdown(*ustc.cells(ustc.table(load)))


def markdown(headings: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    rows = [headings, ["---"] * len(list(headings)), *lines]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def with_table(page: str, name: str, table: str) -> str:
    """The page with the table between its two marks anew."""
    begin, end = f"<!-- {name} -->\n", f"\n<!-- end of {name} -->"
    head, rest = page.split(begin)
    return head + begin + table + end + rest.split(end)[1]


if __name__ == "__main__":
    main()
