"""Entries of `*.slo.toml` on their models: budgets, inputs and outputs, and what is wrong."""

from __future__ import annotations

import json

import pytest

from tests.plugin.tables import write


def test_all_missed_budgets_are_said(zoo):
    write(zoo, '[net]\nonnx = "models/net.onnx"\ndims = { n = 8 }\np99_ms = 0.001\nqps = 1e6')
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["P99 of latency * > 0.001 ms (Fake GPU)", "throughput * < 1000000 qps (Fake GPU)"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*traceback entries*")


def test_the_shape_of_times_and_other_metrics_have_budgets(zoo):
    text = """
        [net]
        onnx = "models/net.onnx"
        dims = { n = 8 }
        tail_ratio = 99
        transfer_share = 0.01
        [net.metrics.gpu_compute]
        p99_ms = 1e-6
        cov = 1e-6
    """
    write(zoo, text)
    result = zoo.run()
    result.assert_outcomes(failed=1)
    missed = ["P99 of gpu_compute * > 1e-06 ms *", "* of gpu_compute * > 1e-06*", "share of tr* >*"]
    result.stdout.fnmatch_lines(missed)
    result.stdout.no_fnmatch_line("*latency * > *")


def test_the_highest_rate_is_searched_and_held(zoo):
    entry = '[net]\nonnx = "models/net.onnx"\ndims = { n = 8 }\nmax_time = 4\np99_ms = 1e-6\n'
    write(zoo, entry + 'max_qps = { p99_ms = 50, at_least = { "Fake*" = 1e7 } }')
    result = zoo.run("--trtperf-json=run.json")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["P99 of latency * > 1e-06 ms *", "max_qps: max_qps * < 10000000 *"]
    )
    record = json.loads((zoo.path / "run.json").read_text())
    assert len(record["measurements"]) == 1
    (search,) = record["max_qps"]
    assert search["key"].endswith("::net#max_qps")
    write(zoo, entry.replace("p99_ms = 1e-6", "max_qps = { p99_ms = 50, at_least = 1 }"))
    zoo.run().assert_outcomes(passed=1)


ONE = '[net]\nonnx = "models/net.onnx"\ndims = { n = 8 }\np99_ms = 1e-6\n'


@pytest.mark.usefixtures("on_cpu_here")
def test_a_missed_budget_is_said_beside_one_that_is_not_judged(zoo):
    write(zoo, f"{ONE}device_memory_mib = 1")
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["P99 of latency * > 1e-06 ms *", "*device memory is not judged on *"]
    )


COSTS = """
    [net]
    onnx = "models/net.onnx"
    dims = { n = 8 }
    energy_per_query_mj = { "NVIDIA*" = 5 }
    build_time_s = 60
"""


def test_costs_are_held_to_budgets_and_what_is_not_known_is_counted(zoo):
    write(zoo, f"{COSTS}device_memory_mib = 1")
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["device memory 3 MiB > 1 MiB (Fake GPU)"])
    write(zoo, COSTS)
    result = zoo.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["1 of 1 measurement was not decided: 1 no figure (net)"])
    zoo.run("--trtperf-inconclusive=fail").assert_outcomes(failed=1)
    write(zoo, f"{COSTS}missing_ok = true")
    zoo.run("--trtperf-inconclusive=fail").assert_outcomes(passed=1)


def test_a_gate_is_recorded_and_compared(zoo):
    write(zoo, f"{COSTS}gate = {{ device_memory = 0.1 }}")
    zoo.record()
    (entry,) = zoo.baselines().values()
    assert entry["runs"][0]["costs"] == {"device_memory": [3.0]}
    result = zoo.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=1)
    (measurement,) = json.loads((zoo.path / "run.json").read_text())["measurements"]
    verdicts = {(one["kind"], one["metric"]): one["status"] for one in measurement["verdicts"]}
    assert verdicts["baseline", "device memory"] == "pass"


def test_a_value_that_only_a_measurement_shows_as_wrong_is_said_without_our_frames(zoo):
    write(zoo, f"{ONE}metric = 'gpu'")
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["models.slo.toml:1: [[]net[]]: no metric 'gpu'; there are *"])
    result.stdout.no_fnmatch_line("*item_hooks.py*")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            'onnx = "gone.onnx"',
            "models.slo.toml:2: ?net?: onnx = 'gone.onnx': there is no file */g*",
        ),
        (
            'onnx = "zop/*.onnx"',
            "*:2: ?net?: onnx = 'zop/?.onnx' matches no file: change the pattern",
        ),
        (
            'onnx = "models/net.onnx"\nsha256 = "' + 64 * "0" + '"',
            "*:2: ?net?: sha256: */net.onnx is*",
        ),
        (
            'onnx = "models"\nsha256 = "' + 64 * "0" + '"',
            "*:2: ?net?: */models: cannot be read: Is a directory",
        ),
        (
            'onnx = "models/net.onnx"\ndims = { m = 4 }',
            "*:2: ?net?: *no dynamic dimension named 'm'*",
        ),
        (
            'onnx = "models/net.onnx"\ndims = { n = [1, 2, 3] }',
            "*leaves n open*write dims = { n = 2 }*",
        ),
    ],
)
def test_what_is_wrong_with_a_model_fails_its_test_with_file_and_entry(zoo, entry, message):
    write(zoo, f"\n[net]\n{entry}")
    result = zoo.run("-rf")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*slo_items.py*")


@pytest.mark.usefixtures("on_cpu_here")
def test_outputs_are_compared_and_inputs_are_beside_the_table(zoo):
    np = pytest.importorskip("numpy")
    write(
        zoo,
        """
        [net]
        onnx = "../models/net.onnx"
        dims = { n = 4 }
        inputs = { x = "x.npy" }
        accuracy = { rtol = 0.01, reference = "../zoo/a.onnx" }
        [other]
        onnx = "../models/net.onnx"
        accuracy = { reference = "../zoo/b.onnx" }
        measure = [{ dims = { n = 4 } }]
        """,
        "perf/models.slo.toml",
    )
    np.save(zoo.path / "perf" / "x.npy", np.ones((4, 256), np.float32))
    zoo.model("zoo/b", layers=2)
    (zoo.path / "models.slo.toml").unlink()
    result = zoo.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["net.onnx on onnxruntime differs from b.onnx*"])
    (one,) = [one for one in zoo.measurements() if "inputs" in one["mode"]]
    assert one["mode"]["inputs"] != "seeded"


@pytest.mark.usefixtures("on_cpu_here")
@pytest.mark.parametrize("how", [(), ("--trtperf-smoke",)])
def test_a_table_holds_each_output_to_its_own(zoo, how):
    zoo.model("zoo/b", layers=2)
    write(
        zoo,
        """
        [defaults]
        dims = { n = 4 }
        [same]
        onnx = "models/net.onnx"
        accuracy = { rtol = { y = 0.1 }, cosine = 0.999, top_k = 3 }
        [far]
        onnx = "models/net.onnx"
        accuracy = { reference = "zoo/b.onnx", cosine = { y = 0.999 } }
        [misspelt]
        onnx = "models/net.onnx"
        accuracy = { atol = { z = 1 } }
        """,
    )
    result = zoo.run(*how)
    result.assert_outcomes(failed=2, **({"skipped": 1} if how else {"passed": 1}))
    result.stdout.fnmatch_lines_random(
        [
            "*output 'y' float32 4x256: the cosine similarity of 4 of 4 rows is below 0.999",
            "*misspelt*: atol= names 'z', which is no output; the outputs are 'y'",
        ]
    )


@pytest.mark.usefixtures("on_cpu_here")
def test_values_of_inputs_are_written_in_the_table(zoo, write_lookup):
    write_lookup(zoo.path / "lookup.onnx")
    entry = '[lookup]\nonnx = "lookup.onnx"\ninputs = {{ index = {} }}\n'
    digests = []
    for values in ("[1, 2]", "[1, 2]", "[3, 4]"):
        write(zoo, entry.format(values))
        zoo.run("--trtperf-json=run.json").assert_outcomes(passed=1)
        (one,) = zoo.measurements()
        digests.append(one["mode"]["inputs"])
    assert digests[0] == digests[1] != digests[2]
    write(zoo, entry.format("[0.5, 1]"))
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["models.slo.toml:1: [[]lookup]: inputs: 'index' int64 2 takes values of int64, got *"]
    )


@pytest.mark.usefixtures("on_cpu_here")
def test_errors_advise_what_a_table_takes(zoo):
    write(zoo, '[net]\nonnx = "models/net.onnx"\n')
    result = zoo.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["models.slo.toml:1: [[]net]: *dims = { n = *"])
    result.stdout.no_fnmatch_line("*dims={*")
