"""Named random streams from one seed.

Every component draws from a stream that belongs to its name alone, so adding a component changes
nothing that the others draw.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from itertools import chain, count

import numpy as np

_BLOCK = 1024


class Stream:
    """Random numbers for one component, drawn in blocks because single draws are slow.

    Attributes:
        uniform: returns a number uniform on [0, 1).
    """

    __slots__ = ("uniform",)

    def __init__(self, generator: np.random.Generator) -> None:
        blocks = (reversed(generator.random(_BLOCK).tolist()) for _ in count())
        self.uniform: Callable[[], float] = chain.from_iterable(blocks).__next__

    def exponential(self, mean: float) -> float:
        """Returns an exponential number of the given mean."""
        return -mean * math.log1p(-self.uniform())

    def geometric(self, log_failure: float) -> int:
        """Returns which trial is the first success, counted from 1.

        Args:
            log_failure: log(1 - p), below 0, of the success probability p of one trial.
        """
        return int(math.log1p(-self.uniform()) / log_failure) + 1


class Streams:
    """The streams of one simulation.

    Args:
        seed: a non-negative integer.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, Stream] = {}

    def __getitem__(self, name: str) -> Stream:
        """Returns the stream that belongs to a name; the same one each time."""
        if name not in self._streams:
            self._streams[name] = Stream(self.generator(name))
        return self._streams[name]

    def generator(self, name: str) -> np.random.Generator:
        """Returns a new generator at the beginning of the stream that belongs to a name.

        For draws of whole arrays; use a name that no ``Stream`` has.
        """
        digest = hashlib.sha256(name.encode()).digest()
        key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
        sequence = np.random.SeedSequence(self.seed, spawn_key=key)
        return np.random.Generator(np.random.PCG64(sequence))
