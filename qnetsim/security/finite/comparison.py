"""One block under every analysis against general attacks: which term makes the difference."""

from __future__ import annotations

from dataclasses import replace

from qnetsim.security.finite.accumulation import best_chsh_key_length
from qnetsim.security.finite.block import Block
from qnetsim.security.finite.renyi import renyi_key_length
from qnetsim.security.finite.smoothed import MESSAGES_BITS, smoothed_key_length
from qnetsim.security.finite.terms import KeyLength

_TAG_BITS = 64


def analyses(block: Block, eps_sound: float, eps_hash: float) -> tuple[KeyLength, ...]:
    """Returns the key lengths of a block by three analyses, each tighter than the one before.

    They are the Oxford experiment's (``smoothed``), entropy accumulation with scores counted and
    hashing from the Renyi entropy (``accumulation``), and ``renyi``. All pay for the messages of
    that experiment's protocol and for the authentication of three of them.

    Args:
        block: what is fixed before the first round; ``leak_bits`` is the syndrome's length alone.
        eps_sound: soundness error, in (0, 1).
        eps_hash: collision probability of the tags, below eps_sound/4.

    Raises:
        ValueError: a value lies outside its range.
    """
    first = smoothed_key_length(block, eps_sound, eps_hash)
    messages = MESSAGES_BITS - _TAG_BITS  # the verification hash has a term of its own
    charged = replace(block, leak_bits=block.leak_bits + messages)
    left = eps_sound - 3 * eps_hash
    return first, best_chsh_key_length(charged, left), renyi_key_length(charged, left)
