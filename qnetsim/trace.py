"""What happened when: spans on one track for each node, written as Chrome trace-event JSON."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

_PS_PER_US = 1e6


class Span(NamedTuple):
    """Something that took time.

    Attributes:
        track: the node, fibre or station that it happened at.
        name: the activity.
        start_ps: when it began.
        duration_ps: how long it took; 0 for an instant.
        details: what else is known of it.
    """

    track: str
    name: str
    start_ps: int
    duration_ps: int
    details: dict[str, Any]


class Trace:
    """Collects spans in memory; a simulation without one spends nothing on it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def add(self, track: str, name: str, start_ps: int, end_ps: int, **details: Any) -> None:
        """Notes that an activity ran from start to end, in ps, on a track."""
        self.spans.append(Span(track, name, start_ps, end_ps - start_ps, details))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes Chrome trace-event JSON (it opens in Perfetto); ``.gz`` in the name compresses.

        The file appears whole or not at all. One thread stands for each track; times are in us.

        Args:
            path: the file to write.

        Raises:
            OSError: the file cannot be written.

        References:
            Trace Event Format, "Complete Events" and "Metadata Events".
        """
        target = Path(path)
        partial = target.with_name(f".{target.name}.partial")
        text = json.dumps({"traceEvents": self._events(), "displayTimeUnit": "ns"})
        data = text.encode()
        if target.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        try:
            partial.write_bytes(data)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _events(self) -> list[dict[str, Any]]:
        tracks = {
            track: tid for tid, track in enumerate(dict.fromkeys(s.track for s in self.spans))
        }
        names: list[dict[str, Any]] = [
            {"ph": "M", "pid": 0, "tid": tid, "name": "thread_name", "args": {"name": track}}
            for track, tid in tracks.items()
        ]
        spans: list[dict[str, Any]] = [
            {
                "ph": "X",
                "pid": 0,
                "tid": tracks[span.track],
                "name": span.name,
                "ts": span.start_ps / _PS_PER_US,
                "dur": span.duration_ps / _PS_PER_US,
                "args": span.details,
            }
            for span in sorted(self.spans, key=lambda span: span.start_ps)
        ]
        return names + spans
