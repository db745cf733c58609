"""The rounds of event-ready device-independent QKD at each party.

A party knows its own slot, its own settings and what the station tells it. It holds no reference
to the other party; the records are compared only after the run (``keys.sifting``).
"""

from __future__ import annotations

import math
from array import array
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from qnetsim.nodes.slot import Slot
from qnetsim.protocols.finite import FiniteBlock
from qnetsim.protocols.slot_cycle import Herald
from qnetsim.rng import Stream
from qnetsim.spec import Metres, Name, NonNegative, Spec, Text, described, within
from qnetsim.timeline import ProcessGenerator, Timeline

AngleDeg = Annotated[float, AfterValidator(within(-360, 360))]
Bias = Annotated[float, AfterValidator(within(-0.5, 0.5))]
SettingIndex = Annotated[int, AfterValidator(within(0, 7))]
Sign = Literal[-1, 1]
KeyPair = Annotated[tuple[SettingIndex, SettingIndex], Field(strict=False)]
ChshTerm = Annotated[tuple[SettingIndex, SettingIndex, Sign], Field(strict=False)]


class Party(Spec):
    """One user of the protocol: its node and its measurements."""

    node: Name = described("the node whose slot it reads out")
    angles_deg: Annotated[list[AngleDeg], Field(min_length=2, max_length=8)] = described(
        "linear-polarisation angle of each setting: 2, 4 or 8 of them, as settings are bits"
    )
    input_bias: Bias = described("each bit of its input generator is 1 with chance 1/2 + this")

    @field_validator("angles_deg")
    @classmethod
    def _power_of_two(cls, angles: list[float]) -> list[float]:
        if len(angles).bit_count() != 1:
            raise PydanticCustomError("count", "must have 2, 4 or 8 entries: settings are bits")
        return angles

    def setting_probability(self, setting: int) -> float:
        """Returns the chance that the input generator gives a setting."""
        bits = (len(self.angles_deg) - 1).bit_length()
        ones = setting.bit_count()
        return (0.5 + self.input_bias) ** ones * (0.5 - self.input_bias) ** (bits - ones)


class Isolation(Spec):
    """What keeps settings and outcomes inside the two laboratories, for ``qnetsim audit``.

    A leak of so many bits a round lowers the entropy of the key, given what Eve holds, by no more
    than that (chain rule). It must not reach the other device before that has its outcome: no
    deduction makes up for a Bell test between devices that talk (arXiv 2302.13928).
    """

    distance_m: Metres | None = described(
        "from one measurement to the other in a straight line", default=None
    )
    instead_of_separation: Text | None = described(
        "what is assumed where the choice on one side and the outcome on the other are not "
        "space-like separated",
        default=None,
    )
    instead_of_shutter: Text | None = described(
        "what is assumed of a node that has no shutter", default=None
    )
    instead_of_emptying: Text | None = described(
        "what is assumed of a node whose particle stays in the trap", default=None
    )
    instead_of_random_settings: Text | None = described(
        "what is assumed where settings are played in turn, which anyone can foresee",
        default=None,
    )
    leak_bits_per_round: NonNegative | None = described(
        "bound on the bits that leave the laboratories in a round, deducted from the key; 0 only "
        "where nothing is taken to leak",
        default=None,
    )


class IsolatedParties(Spec):
    """What a protocol says of the laboratories that it runs in."""

    isolation: Isolation | None = described(
        "what keeps settings and outcomes secret; not stated where it is absent", default=None
    )

    @property
    def leak_bits_per_round(self) -> float:
        """Bits a round that are deducted from the key for what leaks; 0 where none are stated."""
        return (self.isolation.leak_bits_per_round if self.isolation else None) or 0.0


class DIQKD(IsolatedParties):
    """Event-ready DI-QKD between two parties.

    The first party's settings are X, the second's Y. The key comes from the rounds of the key
    pairs; the CHSH terms' correlators, each with its sign, add up to S.
    """

    link: Name = described("the link that heralds")
    parties: Annotated[list[Party], Field(min_length=2, max_length=2)]
    key_pairs: Annotated[list[KeyPair], Field(min_length=1)] = described(
        "the settings (X, Y) whose outcomes are key"
    )
    key_anticorrelated: bool = described("whether key outcomes differ where there is no error")
    chsh_terms: Annotated[list[ChshTerm], Field(min_length=4, max_length=4)] = described(
        "X, Y and sign of each term of S"
    )
    bound: Literal["chsh", "two-basis"] = described("the entropy bound of the key rate")
    finite: FiniteBlock | None = described(
        "the key of a finite block; none is computed where it is absent", default=None
    )


class InputGenerator:
    """Draws a party's settings, bit by bit, with a stated bias.

    Args:
        n_settings: how many, a power of two.
        bias: each bit is 1 with probability 1/2 + bias.
        stream: where the bits come from.
    """

    def __init__(self, n_settings: int, bias: float, stream: Stream) -> None:
        self._bits = n_settings.bit_length() - 1
        self._one = 0.5 + bias
        self._stream = stream

    def draw(self) -> int:
        """Returns a setting."""
        setting = 0
        for _ in range(self._bits):
            setting = setting << 1 | (self._stream.uniform() < self._one)
        return setting


class Record:
    """What a party writes down: for each round the herald's number, setting, outcome and time."""

    def __init__(self) -> None:
        self.herald = array("q")
        self.setting = array("b")
        self.outcome = array("b")
        self.time_ps = array("q")


class PartyProcess:
    """A party in time: on each herald it draws a setting, reads its slot and keeps a record.

    Args:
        party: its measurements.
        frame: for each heralded Bell state, the factor +-1 on this party's angles.
        timeline: the clock.
    """

    def __init__(self, party: Party, frame: dict[str, int], timeline: Timeline) -> None:
        self.record = Record()
        self._timeline = timeline
        stream = timeline.streams[f"{party.node}.inputs"]
        self._inputs = InputGenerator(len(party.angles_deg), party.input_bias, stream)
        self._angles = {
            bell_state: [sign * math.radians(angle) for angle in party.angles_deg]
            for bell_state, sign in frame.items()
        }

    def round(self, slot: Slot, herald: Herald) -> ProcessGenerator:
        """Plays one round, from the herald's arrival to the outcome."""
        timeline = self._timeline
        setting = self._inputs.draw()
        self._note("choice", slot, herald)
        if slot.readout_delay_ps:
            yield timeline.timeout(slot.readout_delay_ps)
        outcome = slot.measure(self._angles[herald.bell_state][setting])
        if slot.readout_ps:
            yield timeline.timeout(slot.readout_ps)
        record = self.record
        record.herald.append(herald.number)
        record.setting.append(setting)
        record.outcome.append(outcome)
        record.time_ps.append(timeline.now)
        self._note("outcome", slot, herald)

    def _note(self, name: str, slot: Slot, herald: Herald) -> None:
        """Notes an instant of a round in the trace, if there is one."""
        now = self._timeline.now
        if self._timeline.trace:
            self._timeline.trace.add(slot.name, name, now, now, number=herald.number)


FRAMES: tuple[dict[str, int], dict[str, int]] = ({"psi+": 1, "psi-": 1}, {"psi+": 1, "psi-": -1})
"""Psi- is Psi+ after a Z on the second qubit, which turns the second party's angles round."""
