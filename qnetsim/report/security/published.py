"""What is printed of keys, thresholds and experiments: shown beside ours, used for nothing."""

from __future__ import annotations

from typing import NamedTuple


class Experiment(NamedTuple):
    """A point in the plane of S and Q.

    Attributes:
        name: whose it is.
        s: CHSH value.
        q: mean error rate of the key.
        s_stderr: standard error of S, 0 where none is printed.
        q_stderr: of Q.
        source: where it stands.
    """

    name: str
    s: float
    q: float
    s_stderr: float
    q_stderr: float
    source: str


EXPERIMENTS = (
    Experiment("Munich", 2.578, 0.078, 0.075, 0.009, "arXiv 2110.00575, abstract"),
    Experiment("Munich, worst case", 2.4256, 0.107, 0.0, 0.0, "arXiv 2110.00575"),
    Experiment("Oxford", 2.677, 0.0144, 0.006, 0.0002, "arXiv 2109.14600, figure 3"),
)


class Block(NamedTuple):
    """A finite block of the Munich experiment (arXiv 2110.00575, figure 5).

    Attributes:
        s: CHSH value of the block.
        qbers: error rates of both key bases.
        key_share: share of rounds that make key: X = Y of four times two settings.
        test_share: share of rounds that play the CHSH game.
        eps_sound: soundness error.
        f_ec: bits published to correct the key, over the Shannon limit.
        smallest: the smallest block that makes a key.
        played: rounds of the experiment.
    """

    s: float = 2.578
    qbers: tuple[float, float] = (0.0781, 0.0777)
    key_share: float = 0.25
    test_share: float = 0.5
    eps_sound: float = 1e-5
    f_ec: float = 1.15
    smallest: float = 1.75e5
    played: int = 3342


MUNICH_BLOCK = Block()


class Distance(NamedTuple):
    """A column of USTC's table III (arXiv 2110.01480).

    Attributes:
        length_m: of fibre between the users.
        kept: p, the chance to keep an outcome without a click.
        flip: p_N of noisy preprocessing.
        rate_bits_per_s: key rate.
        eve_bits: H(A|E,V), ``None`` where it is not known here.
        bob_bits: H(A|B,V), likewise.
    """

    length_m: int
    kept: float
    flip: float
    rate_bits_per_s: float
    eve_bits: float | None = None
    bob_bits: float | None = None


USTC_TABLE = (
    Distance(20, 0.96, 0.13, 466.0, 0.560206, 0.559953),
    Distance(80, 0.94, 0.17, 107.4),
    Distance(220, 0.99, 0.49, 2.6),
)
USTC_THRESHOLD = 0.862
"""Smallest efficiency of both arms at USTC's settings (arXiv 2110.01480)."""

POST_SELECTION_THRESHOLD = 0.685
"""Smallest efficiency printed for random post-selection (arXiv 2110.02701); not reproduced here."""
