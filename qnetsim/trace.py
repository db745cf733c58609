"""What happened when: spans on one track for each node, written as Chrome trace-event JSON."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from qnetsim.files import write_whole

_PS_PER_NS = 1000
_NS_PER_US = 1000


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
    """Collects spans in memory; a simulation without one spends nothing on it.

    Attributes:
        spans: what happened.
        about: what was run, for whoever reads the file alone; a simulation fills it in.
    """

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.about: dict[str, Any] = {}

    def add(self, track: str, name: str, start_ps: int, end_ps: int, **details: Any) -> None:
        """Notes that an activity ran from start to end, in ps, on a track."""
        self.spans.append(Span(track, name, start_ps, end_ps - start_ps, details))

    def cut(self, end_ps: int) -> None:
        """Ends what would have gone on beyond a time in ps there, and drops what came later."""
        self.spans = [
            span._replace(duration_ps=min(span.duration_ps, end_ps - span.start_ps))
            for span in self.spans
            if span.start_ps <= end_ps
        ]

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes Chrome trace-event JSON (it opens in Perfetto); ``.gz`` in the name compresses.

        The file appears whole or not at all. One thread stands for each track; times are in us
        and whole ns, to which Perfetto rounds: rounded here, spans that touch or nest still do.

        Args:
            path: the file to write.

        Raises:
            OSError: the file cannot be written.

        References:
            Trace Event Format, "Complete Events", "Metadata Events" and "JSON Object Format".
        """
        data = json.dumps(
            {"traceEvents": self._events(), "displayTimeUnit": "ns", "otherData": self.about}
        ).encode()
        if Path(path).suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        write_whole(path, data)

    def _events(self) -> list[dict[str, Any]]:
        tracks = {
            track: tid for tid, track in enumerate(dict.fromkeys(s.track for s in self.spans))
        }
        names: list[dict[str, Any]] = [
            {"ph": "M", "pid": 0, "tid": tid, "name": "thread_name", "args": {"name": track}}
            for track, tid in tracks.items()
        ]
        edges_ns = (
            (s.start_ps // _PS_PER_NS, (s.start_ps + s.duration_ps) // _PS_PER_NS, s)
            for s in self.spans
        )
        # Of two that begin together the longer comes first: it holds the other.
        ordered = sorted(edges_ns, key=lambda edges: (edges[0], -edges[1]))
        spans: list[dict[str, Any]] = [
            {
                "ph": "X",
                "pid": 0,
                "tid": tracks[span.track],
                "name": span.name,
                "ts": start / _NS_PER_US,
                "dur": (end - start) / _NS_PER_US,
                "args": span.details,
            }
            for start, end, span in ordered
        ]
        return names + spans
