"""Munich's key from a finite block against its rounds (arXiv 2110.00575, figure 5)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qnetsim.report.security.published import MUNICH_BLOCK
from qnetsim.report.style import CLOSED, LIMIT, PUBLISHED, SIMULATED, new_figure, tidy
from qnetsim.security.finite.collective import Sample, collective_key_length
from qnetsim.security.finite.confidence import Method
from qnetsim.security.finite.options import smallest_block
from qnetsim.security.finite.terms import KeyLength
from qnetsim.security.information import binary_entropy
from qnetsim.security.two_basis import two_basis_entropy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FEWEST, _MOST = 2e3, 1e9
_METHODS: tuple[tuple[Method, str, str], ...] = (
    ("hoeffding", "Hoeffding's limit on S, as published", SIMULATED),
    ("clopper-pearson", "Clopper and Pearson's limit on S", LIMIT),
)


def munich_key(rounds: int, method: Method) -> KeyLength:
    """Returns the length of a key at the published S, Q and failure probabilities.

    Args:
        rounds: of the block.
        method: of the limit on S.
    """
    block = MUNICH_BLOCK
    leak = block.f_ec * rounds * block.key_share * float(np.mean(binary_entropy(block.qbers)))
    won = 0.5 + block.s / 8
    sample = Sample(rounds, rounds * block.key_share, rounds * block.test_share, won, leak)
    return collective_key_length(sample, two_basis_entropy, block.eps_sound, method)


def asymptotic_rate(f_ec: float) -> float:
    """Returns bits a round of an endless block.

    Args:
        f_ec: bits published to correct the key, over the Shannon limit.
    """
    block = MUNICH_BLOCK
    leak = f_ec * float(np.mean(binary_entropy(block.qbers)))
    return block.key_share * (float(two_basis_entropy(block.s)) - leak)


def draw_munich_key() -> Figure:
    """Returns the picture."""
    block = MUNICH_BLOCK
    figure, axes = new_figure(7.5, 4.6)
    for method, label, colour in _METHODS:
        smallest = smallest_block(partial(munich_key, method=method))
        rounds = np.geomspace(smallest, _MOST, 100)
        rates = [munich_key(round(n), method).rate_bits_per_round for n in rounds]
        axes.plot(rounds, rates, color=colour, label=f"{label}: {smallest:,} rounds at least")
    for f_ec, style in ((block.f_ec, "--"), (1.0, ":")):
        limit = asymptotic_rate(f_ec)
        label = f"endless block, {f_ec:g} x Shannon limit: {limit:.4f}"
        axes.axhline(limit, color=CLOSED, ls=style, lw=1, label=label)
    axes.plot(block.smallest, 0, "D", color=PUBLISHED, clip_on=False, zorder=3,
              label=f"published smallest block, {block.smallest:,.0f}")  # fmt: skip
    axes.plot(block.played, 0, "s", color=PUBLISHED, mfc="none", clip_on=False, zorder=3,
              label=f"rounds of the experiment, {block.played:,}: no key")  # fmt: skip
    axes.set(xscale="log", xlabel="rounds", ylabel="secret bits a round")
    axes.set(xlim=(_FEWEST, _MOST), ylim=(0, 0.11))
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    title = f"Munich: key of a finite block, collective attacks, eps = {block.eps_sound:g}"
    axes.set_title(title, fontsize="medium", loc="left")
    tidy(axes)
    return figure
