"""qnetsim: event-ready quantum links, from the laser pulse to secret bits.

The public names load on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from qnetsim.channels.classical import ClassicalChannel
    from qnetsim.channels.converter import Converter
    from qnetsim.channels.fibre import Fibre
    from qnetsim.channels.free_space import FreeSpace
    from qnetsim.errors import (
        CollectionError,
        InvalidInputError,
        QnetsimError,
        SimulationError,
    )
    from qnetsim.network import Link, Network
    from qnetsim.nodes.bsm import BellStation, MidpointSource
    from qnetsim.nodes.cavity import Cavity
    from qnetsim.nodes.detector import Detector
    from qnetsim.nodes.memory import Cooling, MemoryNode, Readout, Recalibration, Trap
    from qnetsim.photonic_result import PhotonicResult
    from qnetsim.photonic_scenario import PhotonicScenario
    from qnetsim.protocols.diqkd import DIQKD, Party
    from qnetsim.result import Result
    from qnetsim.scenario import Scenario, load_scenario
    from qnetsim.simulation import Simulation, simulate
    from qnetsim.study.collect import collect
    from qnetsim.study.study import Study, load_study
    from qnetsim.timeline import Timeline
    from qnetsim.trace import Trace

_HOMES = {
    "BellStation": "nodes.bsm",
    "Cavity": "nodes.cavity",
    "ClassicalChannel": "channels.classical",
    "CollectionError": "errors",
    "Converter": "channels.converter",
    "Cooling": "nodes.memory",
    "DIQKD": "protocols.diqkd",
    "Detector": "nodes.detector",
    "Fibre": "channels.fibre",
    "FreeSpace": "channels.free_space",
    "InvalidInputError": "errors",
    "Link": "network",
    "MemoryNode": "nodes.memory",
    "MidpointSource": "nodes.bsm",
    "Network": "network",
    "Party": "protocols.diqkd",
    "PhotonicResult": "photonic_result",
    "PhotonicScenario": "photonic_scenario",
    "QnetsimError": "errors",
    "Readout": "nodes.memory",
    "Recalibration": "nodes.memory",
    "Result": "result",
    "Scenario": "scenario",
    "Simulation": "simulation",
    "SimulationError": "errors",
    "Study": "study.study",
    "Timeline": "timeline",
    "Trace": "trace",
    "Trap": "nodes.memory",
    "collect": "study.collect",
    "load_scenario": "scenario",
    "load_study": "study.study",
    "simulate": "simulation",
}

__all__ = [
    "DIQKD",
    "BellStation",
    "Cavity",
    "ClassicalChannel",
    "CollectionError",
    "Converter",
    "Cooling",
    "Detector",
    "Fibre",
    "FreeSpace",
    "InvalidInputError",
    "Link",
    "MemoryNode",
    "MidpointSource",
    "Network",
    "Party",
    "PhotonicResult",
    "PhotonicScenario",
    "QnetsimError",
    "Readout",
    "Recalibration",
    "Result",
    "Scenario",
    "Simulation",
    "SimulationError",
    "Study",
    "Timeline",
    "Trace",
    "Trap",
    "__version__",
    "collect",
    "load_scenario",
    "load_study",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"qnetsim.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'qnetsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
