"""Photonic links and semidefinite bounds: their statistics, the certificate that a file names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from qnetsim.errors import Fault
from qnetsim.protocols.pulse_law import PulseLaw
from qnetsim.protocols.pulsed import PulsedDIQKD
from qnetsim.security.behaviour import Behaviour
from qnetsim.security.npa.certificate import Certificate, CertificateError
from qnetsim.security.npa.problem import RawKey, full_statistics
from qnetsim.security.semidefinite import Observed


def raw_key(protocol: PulsedDIQKD, no_click: tuple[int, int]) -> RawKey:
    """Returns how the key bits of the first key pair are made.

    Args:
        protocol: what the users do.
        no_click: each user's outcome where nothing clicks.
    """
    alice, bob = protocol.kept_chances(no_click)
    x, y = protocol.key_pairs[0]
    return RawKey(x, protocol.flip_probability, alice, y, bob)


def statistics_of(law: PulseLaw, protocol: PulsedDIQKD, no_click: tuple[int, int]) -> Observed:
    """Returns the statistics that a link gives, and how its users make their raw key.

    Args:
        law: of one pulse.
        protocol: what the users do.
        no_click: each user's outcome where nothing clicks.

    Raises:
        ValueError: there never is a round, or post-selection drops all.
    """
    key = raw_key(protocol, no_click)
    rounds = law.rounds
    return Observed(Behaviour(rounds), key, rounds[protocol.key_pairs[0]], np.array(key.kept_bob))


def read_certificate(path: str) -> Certificate:
    """Reads a certificate and proves it, once for each state of the file.

    Raises:
        CertificateError: it proves nothing.
        OSError: it cannot be read.
    """
    state = Path(path).stat()
    return _proved(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=8)
def _proved(path: str, mtime_ns: int, size: int) -> Certificate:
    certificate = Certificate.load(path)
    certificate.verify()
    return certificate


def certificate_faults(
    protocol: PulsedDIQKD, settings: tuple[int, int], no_click: tuple[int, int]
) -> Iterator[Fault]:
    """Yields why a protocol's certificate does not prove its key rate.

    Args:
        protocol: what the users do.
        settings: how many either has.
        no_click: each user's outcome where nothing clicks.
    """
    path, where = protocol.certificate, "protocol.certificate"
    if protocol.bound != "sdp":
        return
    if path is None:
        yield Fault(where, "", "is needed for the bound 'sdp'")
        return
    try:
        problem = read_certificate(path).problem
    except OSError as error:
        yield Fault(where, path, f"cannot be read: {error.strerror}")
    except CertificateError as error:
        yield Fault(where, "", str(error))
    else:
        key = raw_key(protocol, no_click)
        if problem.keys != ((1.0, key),) or problem.constraints != full_statistics(settings):
            bound = (
                f"must be for the statistics of {settings[0]} x {settings[1]} settings and {key}"
            )
            yield Fault(where, path, bound)
