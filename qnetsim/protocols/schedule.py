"""When the attempts of many slots happen: lanes, a frame, and what sets their spacing.

A lane is a place in a frame that repeats: the slots that hold it attempt once a frame, so that the
attempts of all lanes follow each other at one spacing while heralds travel. They go through the
modes, and through the Bell-state measurements, in turn. Where lanes are no more than either, each
has its own: they share nothing, and the frame is the round trip.
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
        slots: of either node.
        lanes: pairs that can attempt at once.
        most_lanes: the same if slots were without number.
        modes: of light, side by side.
        measurements: Bell-state measurements, side by side.
        spacing: from an attempt to the next where lanes share something.
        spacing_by: what asks for that.
        mode_lanes: as many as would fill the round trip if there were a Bell-state measurement
            for each mode, in parts of one.
        aligned: whether lanes have their place in the frame, since they share something.
        steering: time to turn to another slot where a session begins; attempts hold the rest.
    """

    timing: Timing
    round_trip: int
    slots: tuple[int, int]
    lanes: int
    most_lanes: int
    modes: int
    measurements: int
    spacing: int
    spacing_by: str
    mode_lanes: float
    aligned: bool
    steering: int

    @classmethod
    def of(
        cls, arms: tuple[Arm, Arm], station: BellStation, multiplexing: Multiplexing
    ) -> Schedule:
        """Returns the schedule that a link's parts imply.

        Attempts follow each other at a spacing d, the largest of what the modes ask for, over
        their number: addressing, the photon (seven lifetimes), the time window, the excitation
        pulse; of what the Bell-state measurements ask for, over theirs: the window, the dead time;
        and of what a switch asks for, over the fewer of both. Lanes are as many as there are pairs
        of slots, or as fill the round trip T, and the frame of n lanes is max(T, n d).
        """
        timing = Timing.of(arms, station)
        slots = arms[0].node.slots, arms[1].node.slots
        modes, measurements = multiplexing.modes, station.bell_measurements or multiplexing.modes
        alone = min(modes, measurements)
        demands = _shares(_of_modes(arms, station, multiplexing), modes)
        mode_lanes = max(modes, timing.period / max(demands)[0])
        demands += _shares(_of_measurements(station, multiplexing, alone < modes), measurements)
        demands += _shares(_of_switch(station), alone)
        spacing, spacing_by = max(demands)
        most_lanes = max(alone, -(-timing.period // spacing))
        if multiplexing.temporal_modes is not None:
            most_lanes = min(most_lanes, modes * multiplexing.temporal_modes)
            mode_lanes = min(mode_lanes, modes * multiplexing.temporal_modes)
        lanes = min(*slots, most_lanes)
        aligned = lanes > alone
        frame = max(timing.period, lanes * spacing) if aligned else timing.period
        cooling = -(-timing.cooling // frame) * frame if aligned else timing.cooling
        steering = max(units.to_ps(arm.node.addressing_s) for arm in arms)
        return cls(
            timing._replace(period=frame, cooling=cooling),
            timing.period,
            slots,
            lanes,
            most_lanes,
            modes,
            measurements,
            spacing,
            spacing_by,
            mode_lanes,
            aligned,
            steering if max(slots) > lanes and not aligned else 0,
        )

    @property
    def is_single(self) -> bool:
        """Whether one pair of slots is alone."""
        return max(self.slots) == 1

    @property
    def pairs(self) -> int:
        """How many pairs the slots can make."""
        return min(self.slots)

    @property
    def turns_hz(self) -> float:
        """Turns of all lanes a second: attempts, if every one is used."""
        return self.lanes / units.to_seconds(self.timing.period)

    @property
    def saturation(self) -> tuple[float, str]:
        """Time in s from an attempt to the next if slots were without number, and why so long."""
        round_trip_s, spacing_s = units.to_seconds(self.round_trip), units.to_seconds(self.spacing)
        if self.most_lanes * self.spacing < self.round_trip:
            return round_trip_s / self.most_lanes, "temporal modes"
        if self.most_lanes <= min(self.modes, self.measurements):
            return round_trip_s / self.most_lanes, "round trip"
        return spacing_s, self.spacing_by

    @property
    def at_measurement(self) -> Timing:
        """The clockwork of one Bell-state measurement's attempts: a frame is a burst and a rest.

        Where lanes do not go round the measurements evenly it is so on average.
        """
        apart = self.apart(self.measurements)
        if self.lanes <= self.measurements:
            return self.timing._replace(period=apart, cooling=0, burst=0)
        rest = self.timing.period - self.lanes * self.spacing
        burst = round(self.lanes / self.measurements) if rest else 0
        return self.timing._replace(period=apart, cooling=rest, burst=burst)

    def apart(self, side_by_side: int) -> int:
        """Returns the least time from an attempt to the next at the same of several things, in ps.

        Args:
            side_by_side: how many there are, used in turn: modes, or Bell-state measurements.
        """
        return side_by_side * self.spacing if self.lanes > side_by_side else self.timing.period

    def blocked_hz(self, pairs: float) -> float:
        """Returns the attempts a second that no Bell-state measurement is free for.

        Args:
            pairs: mean number of pairs of slots that are there to attempt, or are cooled.
        """
        could_hz = min(self.mode_lanes, pairs) / units.to_seconds(self.round_trip)
        cycle = self.timing.cycle
        share = self.timing.burst * self.timing.period / cycle if cycle else 1.0
        return share * max(0.0, could_hz - 1 / self.saturation[0])

    def offset(self, lane: int) -> int:
        """Returns a lane's place in the frame, in ps."""
        return lane * self.spacing if self.aligned else 0

    def measurement(self, lane: int, start: int) -> int:
        """Returns which Bell-state measurement the light of a lane's attempt goes to.

        Lanes keep to their own where there are enough.


        Args:
            lane: the lane.
            start: when the attempt starts, in ps.
        """
        if self.lanes <= self.measurements:
            return lane
        frames = start // self.timing.period
        return (frames * self.lanes + lane) % self.measurements


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
        "photon": units.to_ps(LIFETIMES * max(packets_s)) + 1,  # whatever was rounded down
        "time window": _window_ps(station),
        "excitation pulse": max(units.to_ps(node.pulse_s) for node in nodes),
        "spacing_s": units.to_ps(multiplexing.spacing_s or 0.0),
    }


def _of_measurements(
    station: BellStation, multiplexing: Multiplexing, shared: bool
) -> dict[str, int]:
    """Returns how far apart attempts at a Bell-state measurement must be, likewise."""
    demands = {"Bell-state measurements" if shared else "time window": _window_ps(station)}
    if multiplexing.spacing_s is None:
        demands["dead time"] = units.to_ps(station.detector.dead_time_s)
    return demands


def _of_switch(station: BellStation) -> dict[str, int]:
    """Returns how far apart attempts at a switch must be, likewise.

    It turns in front of each measurement where modes share it, else behind each mode.
    """
    if station.switch is None:
        return {}
    return {"switch": _window_ps(station) + units.to_ps(station.switch.switching_s)}


def _shares(demands: dict[str, int], side_by_side: int) -> list[tuple[int, str]]:
    """Returns what so many things side by side leave of demands, and what asks for it."""
    return [(-(-ps // side_by_side), what) for what, ps in demands.items()]
