"""When the attempts of many slots happen: lanes, a frame, and what sets their spacing.

A lane is a place in a frame that repeats: the slots that hold it attempt once a frame, so that the
attempts of all lanes follow each other at one spacing while heralds travel. Where one pair of
slots is alone, its lane is the link's and the frame its round trip.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from qnetsim import units
from qnetsim.arm import LIFETIMES, Arm, tail_faults
from qnetsim.errors import Fault
from qnetsim.multiplexing import Multiplexing
from qnetsim.nodes.bsm import BellStation
from qnetsim.protocols.session import Timing

_FORGOTTEN = 20.0
_ROUNDING = 1e-9


class Schedule(NamedTuple):
    """When the attempts of a link's slots happen; times in ps.

    Attributes:
        timing: the clockwork of a lane: its period is the frame, its cooling whole frames.
        round_trip: from an attempt's preparation until both nodes know of it.
        slots: pairs of slots that the nodes can make.
        lanes: pairs that can attempt at once.
        modes: of light, side by side.
        measurements: Bell-state measurements, side by side.
        spacing: from an attempt to the next where they are as close as they may be.
        spacing_by: what asks for that.
        mode_spacing: the same if there were a Bell-state measurement for each mode.
        aligned: whether lanes have their place in the frame, since they share something.
        steering: time to turn to another slot where a session begins; attempts hold the rest.
    """

    timing: Timing
    round_trip: int
    slots: int
    lanes: int
    modes: int
    measurements: int
    spacing: int
    spacing_by: str
    mode_spacing: int
    aligned: bool
    steering: int

    @classmethod
    def of(
        cls, arms: tuple[Arm, Arm], station: BellStation, multiplexing: Multiplexing
    ) -> Schedule:
        """Returns the schedule that a link's parts imply.

        Attempts follow each other at a spacing d, the largest of what the modes ask for, over
        their number: addressing, the photon (seven lifetimes), the time window, the excitation
        pulse; and of what the Bell-state measurements ask for, over theirs: the window and the
        switch, the dead time. Lanes are as many as there are pairs of slots, or as fill the round
        trip T, and the frame of n lanes is max(T, n d).
        """
        timing = Timing.of(arms, station)
        slots = min(arm.node.slots for arm in arms)
        modes, measurements = multiplexing.modes, station.bell_measurements or multiplexing.modes
        by_modes = _of_modes(arms, station, multiplexing)
        by_station = _of_measurements(station, multiplexing, measurements < modes)
        demands = [(-(-ps // modes), what) for what, ps in by_modes.items()]
        mode_spacing = max(demands)[0]
        demands += [(-(-ps // measurements), what) for what, ps in by_station.items()]
        spacing, spacing_by = max(demands)
        fitting = max(1, -(-timing.period // (modes * spacing)))
        depth = min(fitting, multiplexing.temporal_modes or fitting, -(-slots // modes))
        lanes = min(slots, modes * depth)
        aligned = lanes > 1 and (depth > 1 or measurements < modes)
        frame = max(timing.period, modes * depth * spacing) if aligned else timing.period
        cooling = -(-timing.cooling // frame) * frame if aligned else timing.cooling
        steering = max(units.to_ps(arm.node.addressing_s) for arm in arms)
        return cls(
            timing._replace(period=frame, cooling=cooling),
            timing.period,
            slots,
            lanes,
            modes,
            measurements,
            spacing,
            spacing_by,
            mode_spacing,
            aligned,
            steering if slots > lanes and not aligned else 0,
        )

    @property
    def is_single(self) -> bool:
        """Whether one pair of slots is alone."""
        return self.slots == 1

    def apart(self, side_by_side: int) -> int:
        """Returns the time from an attempt to the next at the same of several things, in ps.

        Args:
            side_by_side: how many there are: modes, or Bell-state measurements.
        """
        if not self.aligned:
            return self.timing.period
        return min(self.timing.period, side_by_side * self.spacing)

    @property
    def blocked_hz(self) -> float:
        """Attempts a second that slots and modes could make and no measurement is free for."""
        could = min(1 / self.mode_spacing, self.slots / self.round_trip)
        makes = min(1 / self.spacing, self.slots / self.round_trip)
        return (could - makes) * units.PS_PER_S

    def offset(self, lane: int) -> int:
        """Returns a lane's place in the frame, in ps."""
        return lane * self.spacing

    def measurement(self, lane: int) -> int:
        """Returns which Bell-state measurement a lane's light goes to."""
        return lane % self.measurements


def schedule_faults(
    arms: tuple[Arm, Arm], station: BellStation, multiplexing: Multiplexing, path: str, name: str
) -> Iterator[Fault]:
    """Yields what does not fit between a link's modes, measurements and the spacing of attempts.

    Args:
        arms: the link's sides.
        station: its station.
        multiplexing: its modes.
        path: where the link stands.
        name: the station's.
    """
    faults = list(_sharing_faults(station, multiplexing.modes, f"stations.{name}"))
    if not faults:
        schedule = Schedule.of(arms, station, multiplexing)
        faults += _spacing_faults(schedule, multiplexing, path)
        faults += _memory_faults(arms, station, schedule, f"stations.{name}")
    yield from faults


def _sharing_faults(station: BellStation, modes: int, path: str) -> Iterator[Fault]:
    measurements = station.bell_measurements
    if measurements is None or measurements == modes:
        return
    if max(measurements, modes) % min(measurements, modes):
        bound = f"must divide the link's {modes} modes, or be a multiple of them"
        yield Fault(f"{path}.bell_measurements", str(measurements), bound)
    if station.switch is None:
        bound = f"needs a switch between them and the link's modes, of which there are {modes}"
        yield Fault(f"{path}.bell_measurements", str(measurements), bound)


def _spacing_faults(schedule: Schedule, multiplexing: Multiplexing, path: str) -> Iterator[Fault]:
    asked_s, least_s = multiplexing.spacing_s, units.to_seconds(schedule.spacing * schedule.modes)
    if asked_s is not None and asked_s < (1 - _ROUNDING) * least_s:
        bound = f"must be {least_s:g} or more, for the {schedule.spacing_by}"
        yield Fault(f"{path}.multiplexing.spacing_s", f"{asked_s:g}", bound)


def _memory_faults(
    arms: tuple[Arm, Arm], station: BellStation, schedule: Schedule, path: str
) -> Iterator[Fault]:
    """Yields what would reach from one attempt into the next, which is not modelled."""
    detector = station.detector
    in_mode_s = units.to_seconds(schedule.apart(schedule.modes))
    for arm in arms:
        node = f"nodes.{arm.name}"
        yield from tail_faults(arm, in_mode_s, node, "photons click in the next attempt")
    if detector.afterpulse_probability:
        period_s = units.to_seconds(schedule.apart(schedule.measurements))
        quiet_s = period_s - station.window_length_s - (station.bin_separation_s or 0.0)
        longest_s = (quiet_s - detector.dead_time_s) / _FORGOTTEN
        if detector.afterpulse_lifetime_s > longest_s:
            yield Fault(
                f"{path}.detector.afterpulse_lifetime_s",
                f"{detector.afterpulse_lifetime_s:g}",
                f"must be {max(longest_s, 0):g} or less, or afterpulses reach the next attempt, "
                "which is not modelled",
            )


def _window_ps(station: BellStation) -> int:
    return units.to_ps(station.window_length_s + (station.bin_separation_s or 0.0))


def _of_modes(
    arms: tuple[Arm, Arm], station: BellStation, multiplexing: Multiplexing
) -> dict[str, int]:
    """Returns how far apart attempts in a mode must be, in ps, by what asks for it."""
    nodes = [arm.node for arm in arms]
    packets_s = [node.wave_packet_s for node in nodes]
    if station.source is not None:
        packets_s.append(station.source.photon_lifetime_s)
    return {
        "addressing": max(units.to_ps(node.addressing_s) for node in nodes),
        "photon": units.to_ps(LIFETIMES * max(packets_s)),
        "time window": _window_ps(station),
        "excitation pulse": max(units.to_ps(node.pulse_s) for node in nodes),
        "spacing_s": units.to_ps(multiplexing.spacing_s or 0.0),
    }


def _of_measurements(
    station: BellStation, multiplexing: Multiplexing, shared: bool
) -> dict[str, int]:
    """Returns how far apart attempts at a Bell-state measurement must be, likewise."""
    demands = {"Bell-state measurements" if shared else "time window": _window_ps(station)}
    if station.switch is not None:
        demands["switch"] = _window_ps(station) + units.to_ps(station.switch.switching_s)
    if multiplexing.spacing_s is None:
        demands["dead time"] = units.to_ps(station.detector.dead_time_s)
    return demands
