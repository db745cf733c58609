"""The photon budget as tables and as a bar chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qnetsim.budget import Budget, Item, Yield
from qnetsim.display import Section
from qnetsim.report.style import CLOSED, PUBLISHED, SIMULATED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def budget_sections(budget: Budget) -> list[Section]:
    """Returns the tables of a budget."""
    return [_chain(budget), _yield_now(budget.present), _costs(budget)]


def _chain(budget: Budget) -> Section:
    names = list(dict.fromkeys(key for chain in budget.chains.values() for key in chain))
    rows: list[tuple[str, ...]] = []
    products = dict.fromkeys(budget.chains, 1.0)
    for what in names:
        cells = []
        for node, chain in budget.chains.items():
            products[node] *= chain.get(what, 1.0)
            cells.append(f"{chain[what]:.5g}" if what in chain else "")
        rows.append((what, *cells))
    rows.append(("from pulse to click", *(f"{value:.4g}" for value in products.values())))
    return Section("a photon's way from pulse to click", ("factor", *budget.chains), rows)


def _yield_now(present: Yield) -> Section:
    figures = (
        ("rounds a second", present.herald_rate_hz, ".5g"),
        ("fidelity at herald", present.fidelity, ".4f"),
        ("CHSH value S", present.chsh_s, ".3f"),
        ("error rate Q", present.qber, ".4f"),
        ("secret bits a round", present.key_rate_bits_per_round, ".4f"),
        ("secret bits a second", present.key_rate_bits_per_s, ".3g"),
    )
    rows = [(name, format(value, form)) for name, value, form in figures if value is not None]
    return Section("the link as it is, in closed form", ("quantity", "value"), rows)


def _costs(budget: Budget) -> Section:
    now = budget.present
    rows = [
        (
            f"{item.part} {item.what}",
            f"{item.factor:.5g}",
            _gain(item, now),
            f"{item.without.chsh_s - now.chsh_s:+.4f}",
            f"{item.without.qber - now.qber:+.4f}",
            _more(item.without.key_rate_bits_per_round, now.key_rate_bits_per_round),
        )
        for item in budget.items
    ]
    headings = ("imperfection", "leaves", "rate x", "S", "Q", "bits a round")
    return Section("what the link would gain if one part were perfect", headings, rows)


def _more(without: float | None, now: float | None) -> str:
    return "" if without is None or now is None else f"{without - now:+.4f}"


def _gain(item: Item, now: Yield) -> str:
    if not now.herald_rate_hz:
        return ""
    return f"{item.without.herald_rate_hz / now.herald_rate_hz:.4g}"


def draw_budget(title: str, budget: Budget) -> Figure:
    """Returns the bar chart of what each imperfection costs in rate and in S."""
    items = list(reversed(budget.items))
    figure, (left, right) = new_figure(
        9.0, 1.2 + 0.24 * len(items), ncols=2, sharey=True, squeeze=True
    )
    names = [f"{item.part.split('.')[-1]}: {item.what}" for item in items]
    now = budget.present
    gains = [item.without.herald_rate_hz / now.herald_rate_hz for item in items]
    colours = [SIMULATED if item.kind == "loss" else PUBLISHED for item in items]
    left.barh(names, [gain - 1 for gain in gains], left=1, color=colours, height=0.7)
    left.set(xscale="log", xlabel="rounds a second, times, if it were perfect")
    left.axvline(1, color=CLOSED, lw=0.6)
    right.barh(names, [i.without.chsh_s - now.chsh_s for i in items], color=colours, height=0.7)
    right.set(xlabel=f"gain in S (now {now.chsh_s:.3f}) if it were perfect")
    right.axvline(0, color=CLOSED, lw=0.6)
    for axes in (left, right):
        tidy(axes)
        axes.tick_params(labelsize="small")
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    return figure
