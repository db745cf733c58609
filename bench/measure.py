"""Repeats measurements side by side and sums them up."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

RUNS = 5

Measurement = Callable[[], float]


class Figures:
    """Takes each measurement in turn, five times over, so that all see the same machine.

    Args:
        measurements: by name.
    """

    def __init__(self, measurements: Mapping[str, Measurement]) -> None:
        self._values: dict[str, list[float]] = {name: [] for name in measurements}
        for _ in range(RUNS):
            for name, measure in measurements.items():
                gc.collect()
                self._values[name].append(measure())

    def spread(self) -> dict[str, dict[str, float]]:
        """Returns the median, least and greatest value of each."""
        return {
            name: {
                "median": short(statistics.median(v)),
                "min": short(min(v)),
                "max": short(max(v)),
            }
            for name, v in self._values.items()
        }

    def ratios_of(self, name: str) -> dict[str, float]:
        """Returns one over each of the others: the median of the five turns' ratios."""
        return {
            other: short(
                statistics.median(a / b for a, b in zip(self._values[name], values, strict=True))
            )
            for other, values in self._values.items()
            if other != name
        }


def seconds(work: Callable[[], Any]) -> float:
    """Returns how long some work takes, in s."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Returns how long some work keeps this process's threads busy, in s."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def output_of(command: Sequence[str]) -> str:
    """Returns what a command prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def python(code: str) -> list[str]:
    """Returns the command that runs Python code in this environment."""
    return [sys.executable, "-c", code]


def peak_bytes(work: Callable[[], Any]) -> int:
    """Returns the most memory that some work holds at once, as Python's allocator counts it.

    A process's peak resident size would not do: on Linux it begins at that of its parent.
    """
    tracemalloc.start()
    work()
    return tracemalloc.get_traced_memory()[1]


def short(value: float) -> float:
    """Returns a figure's first four digits."""
    return float(f"{value:.4g}")
