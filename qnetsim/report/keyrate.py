"""A key rate, a key length, and what they are worth, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qnetsim.display import Section, assumed, key_length_section
from qnetsim.security.keyrate import BOUNDS

_LABELS = {
    "entropy_bits": "H(A|E), at least",
    "ec_bits": "H(A|B), published to correct errors",
    "sifting": "share of rounds that make key",
    "kept": "share of them that is kept",
    "flip": "flip probability",
    "alpha": "weight of the first half, alpha",
    "parties": "parties",
    "parity_chsh_value": "parity-CHSH value",
    "holz_value": "Holz value",
    "nodes": "quadrature nodes",
    "level": "words of the moment matrix",
    "projected_by": "counts projected, probabilities moved by up to",
}


def title(summary: Mapping[str, Any]) -> str:
    """Returns the rate in a line.

    Args:
        summary: figures under the keys of ``qnetsim keyrate --json``.
    """
    rate = summary["rate_bits_per_round"]
    text = f"{summary['bound']}: {rate:.6g} secret bits a round" + ("" if rate else ", no key")
    if "key_length_bits" in summary:
        text += f"; {summary['key_length_bits']:,} from {summary['key_length']['rounds']:,} rounds"
    return text


def key_sections(summary: Mapping[str, Any]) -> list[Section]:
    """Returns the tables that show a rate and, where there is one, a key length.

    Args:
        summary: figures under the keys of ``qnetsim keyrate --json``.
    """
    return [*_rate_sections(summary), *_finite_sections(summary)]


def _rate_sections(summary: Mapping[str, Any]) -> list[Section]:
    figures = [(label, _figure(summary[key])) for key, label in _LABELS.items() if key in summary]
    lost = summary["certificate_error_bits"]
    certified = "proved in closed form"
    if not summary["certified"]:
        certified = "no: beyond the steepest ray its convexity is checked numerically, not proved"
    if summary["bound"] == "sdp":
        certified = "dual solution proved in exact arithmetic, no solver trusted"
        certified += f"; {lost:.2g} bit below the solver's value" if lost is not None else ""
    worth = [
        ("bound", BOUNDS[summary["bound"]].source),
        ("attacks", summary["attacks"]),
        ("certified", certified),
        *assumed("assumes", summary["assumptions"]),
    ]
    return [
        Section("entropies in bits of kept key rounds", ("quantity", "value"), figures),
        Section("what the rate is worth", ("", "why"), worth),
    ]


def _finite_sections(summary: Mapping[str, Any]) -> list[Section]:
    finite = summary.get("key_length")
    if finite is None:
        return []
    chosen = {**finite["epsilons"], **finite["parameters"]}
    worth = [
        ("analysis", finite["analysis"]),
        ("parameters", ", ".join(f"{name} = {value:.4g}" for name, value in chosen.items())),
    ]
    return [
        key_length_section(finite),
        Section("how the key length was found", ("", "why"), worth),
    ]


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.6g}"
