"""Kills processes while TensorRT for RTX builds a plan and the cache publishes it.

    python -m benchmarks.faults.kill_builds --json benchmarks/results/kill_builds.jsonl

A process builds a small network into the cache, over and over, each time in a process of its own,
and is killed at a moment drawn uniformly within two builds. The build's process has to end, too.
Then another one asks for the plan. What the cache gives out has to be whole: its bytes carry a
checksum of their own. No lock stays held, and no temporary file is left once the plan was built
again. `cache_kill` does the same with plans that take no time. Needs no
GPU.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.cache.cache_kill import KEY, PATIENCE_S, Stuck, give_up, is_whole
from benchmarks.faults.project import MARK, orphans_of, write_model
from benchmarks.faults.results import Results
from pytest_trtperf.backend.tensorrt.isolated import isolated_plan
from pytest_trtperf.engine.identity import EngineIdentity
from pytest_trtperf.engine.options import checked_options
from pytest_trtperf.engine.shapes import parse_profiles
from pytest_trtperf.engine.spec import EngineSpec
from pytest_trtperf.errors import EngineCacheWarning
from pytest_trtperf.plan_cache.cache import PlanCache


def main() -> None:
    """Takes the kills that are missing, and reports all."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=200, help="how many in all")
    results = Results(parser)
    arguments, done = results.options, results.rows
    signal.signal(signal.SIGALRM, give_up)
    place = Path(tempfile.mkdtemp(prefix="faults-"))
    try:
        write_model(place / "model.onnx", layers=2)
        _build(place)
        start = time.monotonic()
        _build(place)
        build_s = time.monotonic() - start
        for number in range(len(done), arguments.kills):
            if results.is_late():
                break
            after_s = random.Random(number).uniform(0, 2 * build_s)
            orphans = _kill(place, after_s)
            found = _look(place)
            if orphans:
                found["wrong"].append("a build goes on without its owner")
            results.add({"after_s": round(after_s, 3), **found})
    finally:
        shutil.rmtree(place)
    seen = Counter(what for one in done for what in one["seen"])
    print(f"{len(done)} of {arguments.kills} kills: {dict(seen)}")
    bad = [one for one in done if one["wrong"]]
    print(f"{len(bad)} with something wrong: {'MISSED' if bad else 'kept'}", *bad[:5])
    results.end(len(bad))


def _build(place: Path) -> bytes:
    """A plan, with a checksum that shows whether it is whole."""
    profiles = parse_profiles({"x": ("1x256", "2x256", "4x256")})
    spec = EngineSpec(place / "model.onnx", profiles, checked_options({}))
    plan = isolated_plan(spec, "tensorrt-rtx")
    return hashlib.sha256(plan).digest() + plan


def _kill(place: Path, after_s: float) -> list[int]:
    """Builds in a process of its own, and kills that; the processes that stay."""
    child = os.fork()
    if not child:
        os.setsid()
        os.environ[MARK] = place.name
        try:
            while True:
                cache = PlanCache(place / "cache")
                cache.files.prepare()
                cache.files.remove(KEY)
                cache.get_or_build(KEY, lambda: _build(place), EngineIdentity())
                cache.close()
        except Exception:  # noqa: BLE001  # nobody else can report it
            traceback.print_exc()
        os._exit(1)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the builder failed by itself; its output says why")
    return orphans_of(place.name, child)


def _look(place: Path) -> dict[str, Any]:
    """What the killed one left, and what the cache gives out now."""
    directory = place / "cache"
    seen = ["temporary files left"] if list(directory.glob(".*.tmp")) else []
    wrong = []
    signal.alarm(6 * PATIENCE_S)
    try:
        cache = PlanCache(directory)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", EngineCacheWarning)
            plan = cache.get_or_build(KEY, lambda: _build(place), EngineIdentity())
        seen.append("plan built again" if plan.built else "plan found")
        seen += ["damage noticed"] if caught else []
        if not is_whole(plan.data):
            wrong.append("the plan is not whole")
        if plan.built and list(directory.glob(".*.tmp")):
            wrong.append("temporary files stay")
        cache.close()
    except Stuck:
        wrong.append("a lock is held by the dead")
    finally:
        signal.alarm(0)
    return {"seen": seen, "wrong": wrong}


if __name__ == "__main__":
    main()
