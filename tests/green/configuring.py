"""Ways of configuring a run, and what may be wrong with its files."""

from __future__ import annotations

import json

from tests.green.stored import (
    as_other_class,
    baselines,
    cut,
    future,
    remove,
    rewrite,
    rounds,
    scale,
    write,
)
from tests.green.way import NO_BASELINE, PASSED, PLAIN, USAGE, Way, strict

MISSING = Way(status=PASSED, words=(NO_BASELINE,), prepare=remove, with_workers=True)

CONFIGURING = {
    "a wide ini": Way(status=PASSED, words=("*1 passed*",), ini=["trtperf_tolerance = 0.5"]),
    "a wide variable": Way(
        status=PASSED, words=("*1 passed*",), environment={"TRTPERF_TOLERANCE": "0.5"}
    ),
    "a bad option": Way(
        status=USAGE, words=("*tolerance*",), arguments=["--trtperf-tolerance=wide"], process=True
    ),
    "a bad variable": Way(
        status=USAGE,
        words=("*TRTPERF_TOLERANCE*",),
        process=True,
        environment={"TRTPERF_TOLERANCE": "wide"},
    ),
    "an unknown backend": Way(
        status=USAGE,
        words=("*nothing_such*",),
        process=True,
        arguments=["--trtperf-backend=nothing_such"],
    ),
    "an unknown option": Way(
        status=USAGE,
        words=("*--trtperf-tolerence*",),
        process=True,
        arguments=["--trtperf-tolerence=1"],
    ),
    "missing": MISSING,
    "missing, required": Way(
        words=("*has no baseline*--trtperf-require-baseline asks for one*",),
        prepare=remove,
        arguments=["--trtperf-require-baseline"],
        with_workers=True,
    ),
    "missing, strict": strict(MISSING, "*has no baseline*--trtperf-strict asks for one*"),
    "of another GPU": Way(status=PASSED, words=(NO_BASELINE,), prepare=as_other_class),
    "of another GPU, required": Way(
        words=("*has no baseline*",),
        prepare=as_other_class,
        arguments=["--trtperf-require-baseline"],
    ),
    "another test's": Way(
        status=PASSED,
        words=(NO_BASELINE,),
        recorded=PLAIN.replace("test_it", "test_that"),
    ),
    "a cut file": Way(words=("*test_perf.json*",), prepare=cut, with_workers=True),
    "an empty file": Way(words=("*test_perf.json*",), prepare=write("")),
    "an empty object": Way(words=("*test_perf.json*",), prepare=write("{}")),
    "a list": Way(words=("*test_perf.json*",), prepare=write("[]")),
    "no entries": Way(
        status=PASSED,
        words=(NO_BASELINE,),
        prepare=lambda path: [
            file.write_text(json.dumps({**json.loads(file.read_text()), "entries": {}}))
            for file in baselines(path)
        ],
    ),
    "a merge conflict": Way(
        words=("*test_perf.json*",),
        prepare=lambda path: [
            file.write_text(f"<<<<<<< ours\n{file.read_text()}=======\n>>>>>>> theirs\n")
            for file in baselines(path)
        ],
    ),
    "a later format": Way(words=("*test_perf.json*99*",), prepare=future),
    "no runs": Way(
        words=("*test_perf.json*",), prepare=rewrite(lambda entry: entry.update(runs=[]))
    ),
    "no rounds": Way(
        words=("*test_perf.json*",),
        prepare=rewrite(lambda entry: entry["runs"][0].update(sessions=[])),
    ),
    "a throughput of nothing": Way(
        words=("*test_perf.json*",), prepare=rounds(lambda one: one.update(throughput=0))
    ),
    "a negative throughput": Way(
        words=("*test_perf.json*",), prepare=rounds(lambda one: one.update(throughput=-1.0))
    ),
    "no number": Way(
        words=("*test_perf.json*",),
        prepare=rounds(lambda one: one.update(throughput=float("nan"))),
    ),
    "infinity": Way(
        words=("*test_perf.json*",),
        prepare=rounds(lambda one: one.update(throughput=float("inf"))),
    ),
    "text": Way(
        words=("*test_perf.json*",), prepare=rounds(lambda one: one.update(throughput="fast"))
    ),
    **{
        f"numbers of {factor:g} times their size": Way(
            words=("*test_perf.json*rounds[[]0].throughput: * queries per second are impossible*",),
            prepare=scale(factor),
        )
        for factor in (1e300, 1e-300, 1e12, 1e-12)
    },
    "times of 1e300 ms": Way(
        words=("*test_perf.json*quantiles.latency: a median of 1e+300 ms and * are impossible*",),
        prepare=rounds(lambda one: one["quantiles"].update(latency=[1e300] * 21)),
    ),
    "a slowest query of 1e300 ms": Way(
        words=("*test_perf.json*quantiles.latency: *a maximum of 1e+300 ms are impossible*",),
        prepare=rounds(lambda one: one["quantiles"]["latency"].__setitem__(-1, 1e300)),
    ),
    "a yardstick of 1e-300 ms": Way(
        words=("*test_perf.json*yardstick_ms: 1e-300 ms are impossible*",),
        prepare=rounds(lambda one: one.update(yardstick_ms=1e-300)),
    ),
    "no queries": Way(
        words=("*test_perf.json*",), prepare=rounds(lambda one: one.update(queries=0))
    ),
    "another mode": Way(
        words=("*mode*streams*",),
        prepare=rewrite(lambda entry: entry["mode"].update(streams=4)),
    ),
    "other shapes": Way(
        words=("*shape of x*",),
        prepare=rewrite(lambda entry: entry.update(shapes={"x": [7]})),
    ),
    "against nothing": Way(
        status=USAGE,
        words=("*nothing.json*",),
        process=True,
        arguments=["--trtperf-against=nothing.json"],
    ),
    "against the record that it writes": Way(
        status=USAGE,
        words=("*--trtperf-json=*run.json would replace the record of --trtperf-against*",),
        process=True,
        arguments=["--trtperf-against=run.json", "--trtperf-json=a/../run.json"],
    ),
    "against a baseline": Way(
        status=USAGE,
        words=("*test_perf.json*",),
        process=True,
        arguments=["--trtperf-against=perf-baselines/fake-gpu/fake/test_perf.json"],
    ),
    "other software": Way(
        prepare=rewrite(lambda entry: entry["runs"][-1]["software"].update(fake="0")),
    ),
    "without references": Way(arguments=["--trtperf-race=never"], with_workers=True),
    "raced always": Way(arguments=["--trtperf-race=always"]),
    "an environment that may be slower": Way(arguments=["--trtperf-environment=warn"]),
}
