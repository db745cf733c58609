"""The key of a finite block, as a scenario plans it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from qnetsim.errors import Fault
from qnetsim.security.finite.options import block_key_length
from qnetsim.security.finite.terms import KeyLength
from qnetsim.spec import NonNegative, PositiveInteger, Spec, described, shown, within

Failure = Annotated[float, AfterValidator(within(1e-300, 0.999))]
Abort = Annotated[float, AfterValidator(within(1e-300, 0.1))]
Share = Annotated[float, AfterValidator(within(1e-9, 1))]
Efficiency = Annotated[float, AfterValidator(within(1, 1e3))]
Quantum = Annotated[float, AfterValidator(within(2, 2.828427))]
ErrorRate = Annotated[float, AfterValidator(within(0, 0.5))]


class FiniteBlock(Spec):
    """A block of rounds that is to make one key; no failure probability has a default.

    With the bound 'chsh' against general attacks, in a protocol where a share of all rounds are
    tests and the others make key; with 'two-basis' against collective attacks, where rounds are
    played until their shares of key and test rounds are reached.
    """

    eps_sound: Failure = described("soundness error: correctness and secrecy together")
    eps_complete: Abort = described(
        "chance that honest devices abort for losing too many tests; laxer ones could ask for more "
        "than any quantum device wins"
    )
    rounds: PositiveInteger | None = described(
        "of the block; those of the run where absent", default=None
    )
    f_ec: Efficiency | None = described(
        "bits published to correct the raw key, over the Shannon limit; or leak_bits", default=None
    )
    leak_bits: NonNegative | None = described("those bits themselves", default=None)
    test_fraction: Annotated[float, AfterValidator(within(1e-9, 0.5))] | None = described(
        "for the bound 'chsh': share of rounds that are tests", default=None
    )
    key_share: Share | None = described(
        "for the bound 'two-basis': key rounds that the block is played for, over rounds",
        default=None,
    )
    test_share: Share | None = described(
        "for the bound 'two-basis': rounds of the CHSH game that the block is played for, likewise",
        default=None,
    )
    planned_chsh_s: Quantum | None = described(
        "S that the honest devices are planned with; the closed form where absent", default=None
    )
    planned_qber: ErrorRate | None = described("the same of Q", default=None)

    def key_length(self, bound: str, rounds: int, s: float, q: float) -> KeyLength | None:
        """Returns what the block yields, or ``None`` if it is too short for a test and a key bit.

        Args:
            bound: ``chsh`` or ``two-basis``.
            rounds: those of the run.
            s: CHSH value of the honest devices, where none is planned.
            q: their error rate in key rounds, likewise.
        """
        names = ("eps_sound", "eps_complete", *_LEAK, *_SHARES[bound])
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        n = self.rounds or rounds
        if n * min(given[name] for name in _SHARES[bound]) < 1:
            return None
        options = given | {"n": n}
        s = s if self.planned_chsh_s is None else self.planned_chsh_s
        q = q if self.planned_qber is None else self.planned_qber
        return block_key_length(bound, s, q, options)


_LEAK = ("f_ec", "leak_bits")
_SHARES = {"chsh": ("test_fraction",), "two-basis": ("key_share", "test_share")}


def finite_faults(finite: FiniteBlock, bound: str) -> Iterator[Fault]:
    """Yields what is wrong between a finite block and the bound of its key rate.

    Args:
        finite: the block.
        bound: ``chsh`` or ``two-basis``.
    """
    path = "protocol.finite"
    if (finite.f_ec is None) == (finite.leak_bits is None):
        yield Fault(path, "", "needs f_ec or leak_bits, and not both")
    for of_bound, names in _SHARES.items():
        for name in names:
            value = getattr(finite, name)
            if of_bound == bound and value is None:
                yield Fault(f"{path}.{name}", "", f"is needed for the bound '{bound}'")
            elif of_bound != bound and value is not None:
                wanted = f"has a meaning only with the bound '{of_bound}'"
                yield Fault(f"{path}.{name}", shown(value), wanted)
    if finite.key_share and finite.test_share and finite.key_share + finite.test_share > 1:
        total = finite.key_share + finite.test_share
        yield Fault(path, shown(total), "key_share and test_share must add up to 1 or less")
