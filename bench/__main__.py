"""``python -m bench`` measures everything, ``python -m bench NAME ...`` some of it.

Prints one JSON object; README.md says how to read it.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from bench import arrays, bare, collect, links, peers, security, studies
from bench.measure import Figures, output_of, python, seconds
from qnetsim.units import PS_PER_S

SEED = 1
MUNICH_S = 270_000.0
HERALDS = 20_000
ATTEMPTS = 100_000
QUIET_ATTEMPTS = 30_000
ROUNDS = 60_000_000
PULSES = 50_000_000

Report = dict[str, Any]


def munich() -> Report:
    """Real time of 75 h of Munich, from the first event to the last."""
    heralds: dict[str, int] = {}

    def ours() -> float:
        result = links.munich(SEED).run(MUNICH_S)
        heralds["qnetsim"] = len(result.heralds)
        return result.wall_time_s

    def theirs() -> float:
        model = bare.Munich(SEED)
        spent = seconds(lambda: model.env.run(until=MUNICH_S))
        heralds["bare"] = model.heralds
        return spent

    return _report("wall_s", {"qnetsim": ours, "bare": theirs}) | {"heralds": heralds}


def heralds() -> Report:
    """Heralds a second in herald resolution, each with its whole round."""
    return _report(
        "heralds_per_s",
        {
            "qnetsim": _our_heralds,
            "bare_round": partial(_bare_rate, bare.rounds, HERALDS),
            "bare_timeout": partial(_bare_rate, bare.timeouts, 5 * HERALDS),
        },
    )


def attempts() -> Report:
    """Attempts a second in attempt resolution."""
    return _report(
        "attempts_per_s",
        {
            "qnetsim": _our_attempts,
            "bare_clocked": partial(_bare_rate, bare.clocked, ATTEMPTS),
            "bare_answered": partial(_bare_rate, bare.answered, ATTEMPTS // 2),
        },
    )


def pairs() -> Report:
    """Photon pairs without a herald: all 1.44e9 rounds of USTC as counts, and rounds a second."""

    def ours(drawn: bool) -> float:
        result = links.ustc_rounds(ROUNDS, drawn=drawn).run(SEED)
        return result.pulses / result.wall_time_s

    rates = {
        "qnetsim": partial(ours, drawn=True),
        "qnetsim_in_turn": partial(ours, drawn=False),
        "bare_integers": partial(_bare_draws, bare.outcomes, ROUNDS),
    }
    counts = Figures({"qnetsim": partial(seconds, lambda: links.ustc().run(SEED))})
    return {"counts_wall_s": counts.spread(), **_report("rounds_per_s", rates)}


def pulses() -> Report:
    """Pulses a second of a photonic link that heralds, each of them drawn."""

    def ours() -> float:
        result = links.amplifier(PULSES).run(SEED)
        return result.pulses / result.wall_time_s

    rates = {"qnetsim": ours, "bare_uniforms": partial(_bare_draws, bare.uniforms, PULSES)}
    return _report("pulses_per_s", rates)


def imports() -> Report:
    """Real time of a fresh interpreter."""
    command = shutil.which("qnetsim", path=str(Path(sys.executable).parent))
    prompt = [command] if command else [sys.executable, "-m", "qnetsim"]
    commands = {
        "import_qnetsim": python("import qnetsim"),
        "qnetsim_help": [*prompt, "--help"],
        "python": python("pass"),
    }
    figures = Figures({k: partial(seconds, partial(output_of, c)) for k, c in commands.items()})
    return {"wall_s": figures.spread()}


def memory() -> Report:
    """Peak of allocated memory in N attempts and in ten times as many, each in a fresh process.

    The second node's photons never arrive, so all is played and no herald is recorded.
    """
    few, many = (str(n * QUIET_ATTEMPTS) for n in (1, 10))
    code = (
        "import sys; from bench import __main__ as bench, measure; "
        "print(measure.peak_bytes(lambda: bench.play_attempts(int(sys.argv[1]), (0.7, 0.0))))"
    )
    figures = Figures(
        {n: partial(lambda n: float(output_of([*python(code), n])), n) for n in (few, many)}
    ).spread()
    grown = figures[many]["median"] - figures[few]["median"]
    return {
        "peak_bytes_in_attempts": figures,
        "bytes_per_attempt": grown / (int(many) - int(few)),
    }


def other_simulators() -> Report:
    """The same link in other simulators; see ``bench.peers`` for how to give them."""
    report = {}
    for unit, ours, theirs in (
        ("heralds_per_s", _our_heralds, peers.SKIPPING),
        ("attempts_per_s", _our_attempts, peers.ATTEMPTING),
    ):
        given = peers.measurements(theirs, unit)
        if given:
            report[unit] = _report(unit, {"qnetsim": ours, **given})
    return report


BENCHMARKS: dict[str, Callable[[], Report]] = {
    "munich": munich,
    "heralds": heralds,
    "attempts": attempts,
    "arrays": arrays.heralds_of_arrays,
    "pairs": pairs,
    "pulses": pulses,
    "imports": imports,
    "memory": memory,
    "peers": other_simulators,
    "closed_forms": security.closed_forms,
    "certified": security.certified,
    "statistics": security.new_statistics,
    "full": security.full,
    "throughput": collect.throughput,
    "overhead": collect.overhead,
    "store": collect.store,
    "plan": studies.plan,
    "blocks": studies.blocks,
}


def main() -> None:
    known = ", ".join(BENCHMARKS)
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"out of {known}")
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"{', '.join(unknown)}: must be out of {known}")
    report: Report = {"machine": _machine()}
    for name in names:
        print(f"measuring {name}", file=sys.stderr)
        report[name] = BENCHMARKS[name]()
    print(json.dumps(report, indent=2))


def play_attempts(count: int, efficiencies: tuple[float, float]) -> float:
    """Plays attempts of the symmetric link one by one; returns how many a second."""
    simulation = links.symmetric(SEED, "attempt", efficiencies)
    result = simulation.run(count * simulation.link.schedule.timing.period / PS_PER_S)
    return result.attempts / result.wall_time_s


def _our_attempts() -> float:
    return play_attempts(ATTEMPTS, (links.MILLI, links.MILLI))


def _our_heralds() -> float:
    result = links.symmetric(SEED, "herald", heralds=HERALDS).run()
    return len(result.heralds) / result.wall_time_s


def _bare_rate(play: Callable[[int, int], Any], count: int) -> float:
    return count / seconds(play(count, SEED).run)


def _bare_draws(draw: Callable[[int, int], None], count: int) -> float:
    return count / seconds(partial(draw, count, SEED))


def _report(unit: str, measurements: dict[str, Callable[[], float]]) -> Report:
    figures = Figures(measurements)
    return {"qnetsim_over": figures.ratios_of("qnetsim"), unit: figures.spread()}


def _machine() -> Report:
    return {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "simpy": importlib.metadata.version("simpy"),
        "numpy": importlib.metadata.version("numpy"),
        "cvxpy": importlib.metadata.version("cvxpy"),
        "clarabel": importlib.metadata.version("clarabel"),
    }


if __name__ == "__main__":
    main()
