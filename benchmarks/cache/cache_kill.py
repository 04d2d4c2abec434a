"""Kill -9 at random moments while plans are published, and what the cache gives out afterwards.

    python -m benchmarks.cache.cache_kill [--rounds 1000] [--seed 0] [--json FILE]

Needs no GPU. In each round a process removes or damages a plan, publishes it anew, adds layers and
a runtime cache and shrinks the cache, over and over, until it is killed. Then another one asks for
the plan. A plan carries its own checksum, apart from the cache's. Exits 1 when a target is missed:

- no plan that was given out is other than what a builder made,
- no lock is held by the dead: everything is done within 20 s,
- no temporary file is left once a plan was built again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from types import FrameType

from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.errors import EngineCacheWarning
from pytest_trtperf.plan_cache.cache import PlanCache
from pytest_trtperf.plan_cache.files import PLAN, CacheFiles

KEY, OTHER = "a" * 64, "b" * 64
MAX_BYTES = 2 << 20
LONGEST_LIFE_S = 0.04
PATIENCE_S = 20


class Stuck(Exception):
    """The cache could not be used in time."""


def make_plan(chance: random.Random) -> bytes:
    """A plan of any size, with a checksum that shows whether it is whole."""
    body = chance.randbytes(chance.randrange(MAX_BYTES))
    return hashlib.sha256(body).digest() + body


def is_whole(plan: memoryview) -> bool:
    """Whether a plan is as it was made."""
    return hashlib.sha256(plan[32:]).digest() == plan[:32]


def publish_forever(directory: Path, seed: int) -> None:
    """What the process to be killed does."""
    chance, files = random.Random(seed), CacheFiles(directory, shared=False)
    warnings.simplefilter("ignore", EngineCacheWarning)
    files.prepare()
    while True:
        cache = PlanCache(directory, limit=MAX_BYTES)
        path = files.path(KEY, PLAN)
        if path.exists() and chance.random() < 0.5:
            os.truncate(path, chance.randrange(path.stat().st_size))
        else:
            files.remove(KEY)
        cache.get_or_build(KEY, lambda: make_plan(chance), EngineIdentity())
        cache.get_or_build(OTHER, lambda: make_plan(chance), EngineIdentity())
        cache.store_layers(KEY, [{"Name": "layer"}], ["x"])
        cache.store_runtime_cache(KEY, chance.randbytes(1000))
        cache.close()


def kill_one(directory: Path, seed: int, life_s: float) -> None:
    """Starts a publisher and kills it."""
    child = os.fork()
    if not child:
        try:
            publish_forever(directory, seed)
        except Exception:  # noqa: BLE001  # nobody else can report it
            traceback.print_exc()
        os._exit(1)
    time.sleep(life_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the publisher failed by itself; its output says why")


def look(directory: Path, seed: int) -> list[str]:
    """What the killed one left, and what is wrong with what the cache gives out now."""
    seen = ["temporary files left"] if list(directory.glob(".*.tmp")) else []
    cache = PlanCache(directory, limit=MAX_BYTES)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        plan = cache.get_or_build(KEY, lambda: make_plan(random.Random(seed)), EngineIdentity())
        cache.load_runtime_cache(KEY)
    seen.append("plan built again" if plan.built else "plan found")
    seen += ["damage noticed"] if caught else []
    if not is_whole(plan.data):
        seen.append("BAD PLAN")
    if plan.built and list(directory.glob(".*.tmp")):
        seen.append("TEMPORARY FILES STAY")
    cache.close()
    return seen


def give_up(_signal: int, _frame: FrameType | None) -> None:
    """Ends a look that waits for a lock."""
    raise Stuck


def main() -> int:
    """Kill, look, print the table and judge."""
    parser = argparse.ArgumentParser(description="Kill -9 while plans are published.")
    parser.add_argument("--rounds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and sizes (default: 0)")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    options = parser.parse_args()
    chance, seen = random.Random(options.seed), Counter[str]()
    signal.signal(signal.SIGALRM, give_up)
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place) / "cache"
        for number in range(options.rounds):
            kill_one(directory, number, chance.uniform(0, LONGEST_LIFE_S))
            signal.alarm(PATIENCE_S)
            try:
                seen.update(look(directory, number))
            except Stuck:
                seen["STUCK LOCK"] += 1
            signal.alarm(0)
    print("| after kill -9 | rounds |\n|---|---|")
    for what, rounds in sorted(seen.items()):
        print(f"| {what} | {rounds} of {options.rounds} |")
    bad = {what: seen[what] for what in ("BAD PLAN", "STUCK LOCK", "TEMPORARY FILES STAY")}
    if options.json:
        options.json.write_text(json.dumps({**seen, **bad, "rounds": options.rounds}) + "\n")
    print(f"\ntarget: no bad plan, no stuck lock: {'missed' if any(bad.values()) else 'kept'}")
    return 1 if any(bad.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
