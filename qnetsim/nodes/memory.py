"""Memory nodes: a trapped atom or ion, or a colour centre, that emits photons entangled with it."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from qnetsim.nodes.cavity import Cavity
from qnetsim.nodes.species import Line, species_table
from qnetsim.physics.noise import (
    dephase,
    depolarise,
    relax,
    remaining_coherence,
    white_noise_visibility,
)
from qnetsim.physics.states import Matrix
from qnetsim.spec import (
    Exponent,
    PositiveInteger,
    PositiveSeconds,
    Probability,
    RateHz,
    Seconds,
    Spec,
    Wavelength,
    described,
    suggestion,
    within,
)

Axis = Literal["x", "y", "z"]
Fidelity = Annotated[float, AfterValidator(within(0.01, 1))]
SlotCount = Annotated[int, AfterValidator(within(1, 100_000))]
Levels = Annotated[int, AfterValidator(within(2, 1000))]
Detuning = Annotated[float, AfterValidator(within(-1e15, 1e15))]
CalibrationSeconds = Annotated[float, AfterValidator(within(1e-3, 3.2e9))]
Lifetime = Annotated[float, AfterValidator(within(1e-3, 3.2e9))]


class Trap(Spec):
    """How the particle comes into its trap and leaves it."""

    loading_mean_s: Seconds = described("mean of the exponential time until a particle is trapped")
    lifetime_s: Lifetime | None = described(
        "mean of the exponential time until it is lost; never where it is absent", default=None
    )
    emptying_s: Seconds = described(
        "time to clear the trap after a destructive readout", default=0.0
    )


class Cooling(Spec):
    """Cooling between bursts of attempts; its fluorescence shows whether the particle is there."""

    duration_s: PositiveSeconds = described("length of one cooling phase")
    every_attempts: PositiveInteger = described("attempts in a burst between two phases")


class Recalibration(Spec):
    """Calibration of the apparatus, for which the link pauses."""

    every_s: CalibrationSeconds = described("from the end of one to when the next is due")
    duration_s: PositiveSeconds = described("length of one")


class Readout(Spec):
    """Measurement of the memory along a linear-polarisation direction."""

    duration_s: Seconds = described("from its start until the outcome is known")
    delay_s: Seconds = described("from the herald's arrival until it starts", default=0.0)
    error_plus: Probability = described("chance that +1 is read as -1", default=0.0)
    error_minus: Probability = described("chance that -1 is read as +1", default=0.0)
    destructive: bool = described("whether the particle is lost with its outcome", default=False)
    outcome_if_lost: Literal[-1, 1] = described("what an empty trap is read as", default=1)


class MemoryNode(Spec):
    """A node with one memory slot, or with an array of equal ones that are addressed in turn.

    The memory's states 0 and 1 are those that a horizontal and a vertical photon leave behind, an
    early and a late one, or no photon and one.
    """

    slots: SlotCount = described("memory slots", default=1)
    addressing_s: Seconds = described(
        "time to shuttle or steer from one slot to the next", default=0.0
    )
    crosstalk_probability: Probability = described(
        "chance that a pulse on a slot turns the qubit of either neighbour into white noise",
        default=0.0,
    )
    species: str | None = described(
        "emitter in the table of species, for what is left out of its line", default=None
    )
    wavelength_m: Wavelength | None = described(
        "of its photons; the species' where it is absent", default=None
    )
    photon_lifetime_s: PositiveSeconds | None = described(
        "lifetime of the excited state; the species' where it is absent", default=None
    )
    encoding: Literal["polarisation", "time-bin", "number", "absorbing"] = described(
        "what of its photon is entangled with it; or it absorbs a photon and announces that",
        default="polarisation",
    )
    bright_population: Probability | None = described(
        "number encoding: share of the superposition that emits", default=None
    )
    excitation_probability: Probability = described("chance that the pulse makes it emit")
    second_emission_probability: Probability = described(
        "chance that, having emitted during the pulse, it is excited again and emits a second time",
        default=0.0,
    )
    pulse_s: Seconds = described(
        "length of the excitation pulse, during which the first of two photons leaves", default=0.0
    )
    collection_efficiency: Probability | None = described(
        "chance that an emitted photon enters the channel to the station, or that one from there "
        "is absorbed",
        default=None,
    )
    cavity: Cavity | None = described("optical cavity that it emits into", default=None)
    detuning_hz: Detuning = described("of its photons from those of an ideal emitter", default=0.0)
    optical_dephasing_hz: RateHz = described(
        "pure dephasing rate of the excited state, gamma*/2 pi", default=0.0
    )
    atom_photon_fidelity: Fidelity = described(
        "fidelity of the atom-photon state; what it lacks is white noise", default=1.0
    )
    memory_levels: Levels = described(
        "levels over which white noise spreads the particle", default=2
    )
    t1_s: PositiveSeconds | None = described(
        "lifetime of memory state 1, which decays to 0; infinite where it is absent", default=None
    )
    t2_s: PositiveSeconds | None = described(
        "coherence time; no dephasing where it is absent", default=None
    )
    t2_exponent: Exponent = described("n of exp(-(t/T2)^n)", default=2.0)
    dephasing_axis: Axis = described(
        "Bloch axis about which it dephases: z where the memory's own basis goes with horizontal "
        "and vertical photons, y where it goes with circular ones",
        default="z",
    )
    preparation_s: Seconds = described("pumping and electronics before each pulse", default=0.0)
    trap: Trap | None = described("loading and loss; always there if absent", default=None)
    cooling: Cooling | None = described("cooling; none if absent", default=None)
    recalibration: Recalibration | None = described("recalibration; none if absent", default=None)
    readout: Readout
    shutter_s: Seconds = described(
        "time to close the shutter towards the channel after a readout", default=0.0
    )

    @field_validator("memory_levels")
    @classmethod
    def _fidelity_above_noise(cls, levels: int, info: ValidationInfo) -> int:
        fidelity = info.data.get("atom_photon_fidelity", 1.0)
        if fidelity < 1 / (2 * levels):
            bound = f"must be {1 / (2 * fidelity):g} or more at this atom_photon_fidelity"
            raise PydanticCustomError("range", "{bound}", {"bound": bound})
        return levels

    @field_validator("cooling")
    @classmethod
    def _losses_show(cls, cooling: Cooling | None, info: ValidationInfo) -> Cooling | None:
        trap = info.data.get("trap")
        if cooling is None and trap is not None and trap.lifetime_s is not None:
            raise PydanticCustomError(
                "missing_cooling", "needed with trap.lifetime_s: its fluorescence shows a loss"
            )
        return cooling

    @model_validator(mode="after")
    def _parts_given_once(self) -> Self:
        bound = _what_is_amiss(self)
        if bound:
            raise PydanticCustomError("parts", "{bound}", {"bound": bound})
        return self

    @property
    def line(self) -> Line:
        """The optical transition's wavelength and lifetime in free space."""
        known = species_table()[self.species] if self.species else Line(None, None, "")
        return Line(
            self.wavelength_m or known.wavelength_m,
            self.photon_lifetime_s or known.lifetime_s,
            known.source,
        )

    @property
    def wave_packet_s(self) -> float:
        """Lifetime of the exponential wave packet that it emits, in s."""
        lifetime_s = self.line.lifetime_s or 0.0
        return self.cavity.wave_packet_s(lifetime_s) if self.cavity else lifetime_s

    @property
    def collection(self) -> float:
        """Chance that an emitted photon enters the channel."""
        if self.cavity:
            return self.cavity.collection(self.line.lifetime_s or 0.0)
        return self.collection_efficiency or 0.0

    @property
    def visibility(self) -> float:
        """V of the atom-photon state V |psi><psi| + (1 - V) white noise."""
        return white_noise_visibility(self.atom_photon_fidelity, self.memory_levels)

    @property
    def readout_errors(self) -> tuple[float, float]:
        """(e0, e1) of ``physics.states.measure``."""
        return self.readout.error_plus, self.readout.error_minus

    def undisturbed(self, pulses: int) -> float:
        """Returns what so many pulses on neighbouring slots leave of a qubit's polarisation."""
        return (1 - self.crosstalk_probability) ** pulses

    def aged(self, state: Matrix, qubit: int, age_s: float, undisturbed: float = 1.0) -> Matrix:
        """Returns a state whose qubit was stored here for a time in s.

        Args:
            state: shape (2^n, 2^n).
            qubit: which of its qubits.
            age_s: the time.
            undisturbed: what pulses on neighbouring slots have left of it.
        """
        coherence = remaining_coherence(age_s, self.t2_s, self.t2_exponent)
        state = dephase(state, qubit, coherence, self.dephasing_axis)
        if undisturbed < 1:
            state = depolarise(state, qubit, undisturbed)
        return state if self.t1_s is None else relax(state, qubit, math.exp(-age_s / self.t1_s))


def _what_is_amiss(node: MemoryNode) -> str:
    """Returns what of a node is missing, given twice or out of place; empty for nothing."""
    if node.species is not None and node.species not in species_table():
        return "species: no emitter is called that" + suggestion(node.species, species_table())
    if node.line.lifetime_s is None and node.encoding != "absorbing":
        return "photon_lifetime_s is missing, and no species gives it"
    if node.cavity and node.collection_efficiency is not None:
        return "collection_efficiency: given twice, for the cavity sets it"
    if not node.cavity and node.collection_efficiency is None:
        return "collection_efficiency is missing, and no cavity sets it"
    if (node.encoding == "number") != (node.bright_population is not None):
        return "bright_population belongs to the number encoding, and to it alone"
    if node.encoding == "absorbing" and node.excitation_probability < 1:
        return "excitation_probability: must be 1 for a memory that absorbs"
    for key in ("second_emission_probability", "pulse_s", "detuning_hz", "optical_dephasing_hz"):
        if node.encoding == "absorbing" and getattr(node, key):
            return f"{key}: must be 0 for a memory that absorbs"
    return ""
