"""How often the interval of chunks in turns holds the truth, on simulated noise.

python -m benchmarks.verdicts.chunk_intervals [--cases 1000] [--most-frequent] [--json FILE]

Chunks of new and reference are drawn in pairs of random order, with what a shared machine does:
drift, two states of the host, tails, a ratio that wanders, and others that take the cores. Starts
differ by `start_sd`, or all groups are of one start. A busy machine leaves time for fewer pairs.
With --most-frequent it is the ratio that counts there, of queries that spread about the value of
their chunk by 4 %.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import special

from pytest_trtperf.analysis.chunks import chunked_ratio, most_frequent_ratio

PAIRS, FEW_PAIRS = 50, 20
"""Of a group: the most, and how many fit in its second where other processes compute, too."""

QUERIES = 10
"""Of a chunk, whose median is its value."""

SLOWER = 0.03
Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def _white(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    noise = random.normal(0, 0.02, (2, pairs))
    return noise[0], noise[1]


def _drift(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """The machine becomes slower by up to 30 %, and swings by 10 %."""
    time = np.linspace(0, 1, 2 * pairs)
    machine = random.uniform(-0.3, 0.3) * time + 0.1 * np.sin(
        2 * math.pi * (random.uniform(1, 20) * time + random.random())
    )
    return _on_machine(random, machine)


def _states(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """The machine is half as fast again for some twenty chunks at a time."""
    switches = random.random(2 * pairs) < 0.05
    return _on_machine(random, math.log(1.5) * (np.cumsum(switches) % 2))


def _tails(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """One chunk in seven is caught by something that takes a multiple of it."""
    caught = random.random(2 * pairs) < 0.15
    return _on_machine(random, caught * np.log1p(random.pareto(1.2, 2 * pairs)))


def _wanders(
    random: np.random.Generator, pairs: int, memory: float
) -> tuple[np.ndarray, np.ndarray]:
    """The ratio itself wanders by 2 %: caches that the one engine needs more than the other."""
    steps = random.normal(0, 0.02 * math.sqrt(1 - memory**2), pairs)
    wander, value = np.empty(pairs), random.normal(0, 0.02)
    for place, step in enumerate(steps):
        value = memory * value + step
        wander[place] = value
    new, reference = _white(random, pairs)
    return new + wander, reference


def _preempted(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """Others want the cores: one query in ten waits for several times what it takes.

    The rest have both cores or one, and take half as long again on one. How often differs by chunk,
    and by side and group, as the threads of a process stay where they are.
    """
    shares = np.repeat(random.beta(2, 2, (2, -(-pairs // FEW_PAIRS))), FEW_PAIRS, axis=1)
    shares = shares[:, :pairs]
    of_chunks = random.beta(2 * shares + 0.01, 2 * (1 - shares) + 0.01)[..., None]
    shape = (2, pairs, QUERIES)
    alone = math.log(1.5) * (random.random(shape) < of_chunks)
    waits = (random.random(shape) < 0.1) * np.log1p(random.exponential(10, shape))
    new, reference = np.median(alone + waits + random.normal(0, 0.04, shape), axis=2)
    return new, reference


def _loaded(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """The load of others comes and goes over some ten chunks, and falls on each by its own luck."""
    load = np.empty(2 * pairs)
    value = random.normal()
    for place, step in enumerate(random.normal(0, math.sqrt(1 - 0.9**2), load.size)):
        value = 0.9 * value + step
        load[place] = value
    return _on_machine(random, np.maximum(load, 0) * random.exponential(0.3, load.size))


def _on_machine(random: np.random.Generator, machine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs in random order on a machine that takes so much longer at each chunk."""
    pairs = machine.size // 2
    noise = random.normal(0, 0.02, 2 * pairs)
    new_first = random.random(pairs) < 0.5
    both = (machine + noise).reshape(pairs, 2)
    return np.where(new_first, both[:, 0], both[:, 1]), np.where(new_first, both[:, 1], both[:, 0])


BUSY: dict[str, Draw] = {"preempted": _preempted, "load that comes and goes": _loaded}
"""What there is of noise where other processes compute."""

NOISES: dict[str, Draw] = {
    "white": _white,
    "drift": _drift,
    "two states": _states,
    "tails": _tails,
    **BUSY,
    "wanders, memory of 3 pairs": lambda random, pairs: _wanders(random, pairs, 0.7),
    "wanders, memory of 10 pairs": lambda random, pairs: _wanders(random, pairs, 0.9),
    "wanders, memory of 50 pairs": lambda random, pairs: _wanders(random, pairs, 0.98),
}


def cell(
    noise: str,
    groups: int,
    start_sd: float | None,
    cases: int,
    seed: int,
    *,
    most_frequent: bool = False,
) -> dict[str, object]:
    """Cases of one kind; `start_sd` is None where all groups are of one start."""
    random = np.random.default_rng([seed, groups, len(noise), int(1e6 * (start_sd or 0))])
    pairs = FEW_PAIRS if noise in BUSY or most_frequent else PAIRS
    held, widths = 0, []
    for _ in range(cases):
        new, reference = NOISES[noise](random, groups * pairs)
        starts = random.normal(0, start_sd or 0.0, (2, groups, 1))
        ours = np.exp(new.reshape(groups, pairs) + starts[0]) * (1 + SLOWER)
        theirs = np.exp(reference.reshape(groups, pairs) + starts[1])
        rule = chunked_ratio
        if most_frequent:
            rule = most_frequent_ratio
            ours, theirs = (
                np.repeat(side, QUERIES, axis=1)
                * np.exp(random.normal(0, 0.04, (groups, pairs * QUERIES)))
                for side in (ours, theirs)
            )
        ratio = rule(list(ours), list(theirs), fresh=start_sd is not None)
        held += ratio.lower <= 1 + SLOWER <= ratio.upper
        widths.append(math.log(ratio.upper / ratio.lower) / 2)
    lower = special.betaincinv(held, cases - held + 1, 0.025) if held else 0.0
    upper = special.betaincinv(held + 1, cases - held, 0.975) if held < cases else 1.0
    return {
        "noise": noise, "groups": groups, "pairs": pairs, "start_sd": start_sd, "cases": cases,
        "held": held, "share": held / cases, "interval": [float(lower), float(upper)],
        "half_width": float(np.median(widths)),
    }  # fmt: skip


def main() -> None:
    """Prints a line a cell, and keeps the raw figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--most-frequent", action="store_true")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    cells = []
    for noise, start_sd, groups in itertools.product(NOISES, (None, 0.001, 0.01), (4, 8, 16)):
        cells.append(found := cell(
            noise, groups, start_sd, given.cases, 1, most_frequent=given.most_frequent
        ))  # fmt: skip
        print(
            f"{noise:28} {groups:3} groups, starts "
            f"{'one' if start_sd is None else f'{start_sd:.1%}':5} holds "
            f"{found['share']:.1%}, half-width {found['half_width']:.2%}",
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps(cells, indent=1) + "\n")


if __name__ == "__main__":
    main()
