"""The photon budget as tables and as a bar chart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from qnetsim.budget import Budget, Item, Yield
from qnetsim.display import Section
from qnetsim.report.style import CLOSED, LIMIT, PUBLISHED, SIMULATED, new_figure, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {
    "loss": ("loss", SIMULATED),
    "inherent": ("inherent loss", CLOSED),
    "noise": ("noise", PUBLISHED),
    "time": ("takes time", LIMIT),
}
"""What each kind of item is called, and its colour."""

_NOTHING = 1e-5


class _Panel(NamedTuple):
    """Bars of gains: what they are, how long, and where a part that costs nothing has its end."""

    label: str
    gains: list[float]
    none: float


def budget_sections(budget: Budget) -> list[Section]:
    """Returns the tables of a budget."""
    faults = [item for item in budget.items if item.kind != "time"]
    pauses = [item for item in budget.items if item.kind == "time"]
    title = "what the link would gain if one part were perfect"
    sections = [_chain(budget), _attempts(budget), _yield_now(budget.present)]
    sections.append(_gains(title, ("imperfection", "leaves"), faults, budget.present))
    if pauses:
        title = "what it would gain if one thing took no time, at both nodes"
        headings = ("what takes time", "leaves of the attempts")
        sections.append(_gains(title, headings, pauses, budget.present))
    return sections


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


def _attempts(budget: Budget) -> Section:
    attempts, heralds_hz = budget.attempts, budget.present.herald_rate_hz
    figures = (
        ("attempts a second, back to back", attempts.back_to_back_hz),
        ("share of time attempting", attempts.duty_cycle),
        ("attempts a second", attempts.rate_hz),
        ("rounds an attempt", heralds_hz / attempts.rate_hz if attempts.rate_hz else 0.0),
    )
    rows = [(name, f"{value:.5g}") for name, value in figures]
    return Section("how often the link attempts", ("quantity", "value"), rows)


def _gains(title: str, headings: tuple[str, str], items: list[Item], now: Yield) -> Section:
    rows = [
        (
            f"{item.part} {_name(item)}",
            f"{item.factor:.5g}",
            _gain(item, now),
            _more(item.without.chsh_s, now.chsh_s, "+.4f"),
            _more(item.without.qber, now.qber, "+.4f"),
            _more(item.without.key_rate_bits_per_round, now.key_rate_bits_per_round, "+.4f"),
            _more(item.without.key_rate_bits_per_s, now.key_rate_bits_per_s, "+.3g"),
        )
        for item in items
    ]
    return Section(title, (*headings, "rate x", "S", "Q", "bits a round", "bits a second"), rows)


def _name(item: Item) -> str:
    return f"{item.what} (inherent)" if item.kind == "inherent" else item.what


def _more(without: float | None, now: float | None, form: str) -> str:
    return "" if without is None or now is None else format(without - now, form)


def _gain(item: Item, now: Yield) -> str:
    if not now.herald_rate_hz:
        return ""
    return f"{item.without.herald_rate_hz / now.herald_rate_hz:.4g}"


def draw_budget(title: str, budget: Budget) -> Figure:
    """Returns the bar chart of what each imperfection, and what takes time, costs in rate and S.

    A panel that none of them gains anything in is left out; of two such panels S stays.

    Args:
        title: of the picture.
        budget: what each part costs.
    """
    items, now = list(reversed(budget.items)), budget.present
    panels = _panels([item.without for item in items], now)
    figure, grid = new_figure(
        3.0 + 3.5 * len(panels), 1.5 + 0.24 * len(items), ncols=len(panels), sharey=True,
        squeeze=False,
    )  # fmt: skip
    rows, colours = range(len(items)), [LOOKS[item.kind][1] for item in items]
    for axes, (label, gains, none) in zip(grid[0], panels, strict=True):
        axes.barh(rows, [gain - none for gain in gains], left=none, color=colours, height=0.7)
        axes.axvline(none, color=CLOSED, lw=0.6)
        axes.set(xlabel=label)
        tidy(axes)
        axes.tick_params(labelsize="small")
        axes.margins(y=0.01)
        if none:
            _scale_factors(axes)
    grid[0][0].set_yticks(rows, [f"{item.part}: {item.what}" for item in items])
    figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
    _legend(figure, {item.kind for item in items})
    return figure


def _panels(without: list[Yield], now: Yield) -> list[_Panel]:
    rates = [y.herald_rate_hz / now.herald_rate_hz if now.herald_rate_hz else 1.0 for y in without]
    known = [(y.chsh_s, now.chsh_s) for y in without]
    chsh = [0.0 if then is None or s is None else then - s for then, s in known]
    present = "" if now.chsh_s is None else f" (now {now.chsh_s:.3f})"
    panels = [
        _Panel("rounds a second, times, without it", rates, 1.0),
        _Panel(f"gain in S{present} without it", chsh, 0.0),
    ]
    gaining = [p for p in panels if any(abs(gain - p.none) > _NOTHING for gain in p.gains)]
    return gaining or panels[1:]


def _scale_factors(axes: Any) -> None:
    """Makes an axis of factors logarithmic, with two labels at least and none that collide."""
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    low, high = axes.get_xlim()
    if math.floor(math.log10(high)) - math.ceil(math.log10(low)) < 1:
        few = LogLocator(subs=(1.0, 2.0, 5.0)) if high > 2 else MaxNLocator(5, steps=[1, 2, 5, 10])
        axes.xaxis.set_major_locator(few)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _legend(figure: Figure, kinds: set[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=look, label=text) for k, (text, look) in LOOKS.items() if k in kinds]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(LOOKS), frameon=False,
        fontsize="small",
    )  # fmt: skip
