"""The same link in other simulators, where environments for them are given.

QNETSIM_PEER_SCRIPTS names the folder of their scripts, and QNETSIM_PEER_REQUSIM,
QNETSIM_PEER_SIMQN and QNETSIM_PEER_SEQUENCE each a Python that has one installed. Those that are
not given are left out. Each script prints one JSON line with its attempts_per_s or heralds_per_s.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.measure import Measurement, output_of


class Peer(NamedTuple):
    """A way in which another simulator plays the link."""

    name: str
    python: str
    script: str
    arguments: tuple[str, ...]


SKIPPING = (
    Peer("requsim_skip", "REQUSIM", "bench_requsim.py", ("skip", "--heralds", "20000")),
    Peer("simpy_skip", "", "bench_simpy.py", ("skip", "--attempts", "5e7")),
)
ATTEMPTING = (
    Peer("simqn_link", "SIMQN", "bench_simqn.py", ("link",)),
    Peer("simqn_messages", "SIMQN", "bench_simqn.py", ("link_msg",)),
    Peer("sequence_full", "SEQUENCE", "bench_sequence.py", ("sh",)),
    Peer("sequence_lean", "SEQUENCE", "bench_sequence.py", ("sh_lean",)),
    Peer("simpy_honest", "", "bench_simpy.py", ("honest", "--attempts", "1e5")),
    Peer("simpy_clocked", "", "bench_simpy.py", ("clocked", "--attempts", "3e5")),
)


def measurements(peers: tuple[Peer, ...], figure: str) -> dict[str, Measurement]:
    """Returns the measurement of each peer that is given.

    Args:
        peers: which.
        figure: what to read from the line that their scripts print.
    """
    scripts = os.environ.get("QNETSIM_PEER_SCRIPTS")
    if scripts is None:
        return {}
    found = {}
    for peer in peers:
        variable = f"QNETSIM_PEER_{peer.python}"
        python = os.environ.get(variable) if peer.python else sys.executable
        if python is not None:
            script = str(Path(scripts) / peer.script)
            command = (python, script, *peer.arguments, "--p", "1e-3")
            found[peer.name] = partial(_measure, command, figure)
    return found


def _measure(command: tuple[str, ...], figure: str) -> float:
    return float(json.loads(output_of(command).splitlines()[-1])[figure])
