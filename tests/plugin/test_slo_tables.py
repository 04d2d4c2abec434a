"""`*.slo.toml` as pytest collects it: items are functions that use the fixtures."""

from __future__ import annotations

import json

import pytest

TABLE = """
    [defaults]
    owner = "vision"

    [net]
    onnx = "models/net.onnx"
    dims = { n = [1, 8, 64] }
    measure = [{ n = 64, p99_ms = { "Fake*" = 99 }, qps = 1 }, { n = 8, marks = ["nightly"] }]

    [zoo]
    onnx = "zoo/*.onnx"
    dims = { n = 4 }
"""

IDS = [
    "models.slo.toml::net[n=64]",
    "models.slo.toml::net[n=8]",
    "models.slo.toml::zoo[a]",
    "models.slo.toml::zoo[b]",
]


@pytest.fixture
def zoo(project):
    """A repository with a table of three models."""
    for name in ("models/net", "zoo/a", "zoo/b"):
        (project.path / name).parent.mkdir(exist_ok=True)
        project.model(name)
    write(project, TABLE)
    project.ini("markers = nightly: of the night")
    return project


def write(project, text, name="models.slo.toml"):
    """Writes a table."""
    lines = [line.strip() + "\n" for line in text.splitlines()]
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def collected(project, *arguments):
    """Node ids of what is collected."""
    result = project.run("--collect-only", "-q", *arguments)
    return [line for line in result.outlines if "::" in line]


def test_entries_are_collected_with_their_sizes(zoo):
    assert collected(zoo) == IDS


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (("-m", "nightly"), IDS[1:2]),
        (("-m", "trtperf and not nightly"), [IDS[0], *IDS[2:]]),
        (("-k", "zoo and b"), IDS[3:]),
        (("models.slo.toml::net",), IDS[:2]),
        (("models.slo.toml::net[n=8]",), IDS[1:2]),
        (("--deselect", IDS[0]), IDS[1:]),
    ],
)
def test_they_are_selected_as_functions_are(zoo, arguments, chosen):
    assert collected(zoo, *arguments) == chosen


def test_they_measure_as_the_fixtures_do(zoo):
    result = zoo.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=4)
    found = json.loads((zoo.path / "run.json").read_text())
    assert [one["key"] for one in found["measurements"]] == IDS
    assert [one["shapes"]["x"] for one in found["measurements"]] == [
        [64, 256],
        [8, 256],
        [4, 256],
        [4, 256],
    ]
    verdicts = found["measurements"][0]["verdicts"]
    assert [one["metric"] for one in verdicts] == ["P99 of latency", "throughput"]
    assert {(one["owner"], one["outcome"]) for one in found["tests"]} == {("vision", "passed")}
    assert [one["line"] for one in found["tests"]] == [5, 5, 10, 10]


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


def test_without_the_option_they_are_skipped(zoo):
    result = zoo.pytester.runpytest_inprocess("-rs")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(["SKIPPED *needs --trtperf"])


def test_baselines_are_recorded_and_compared(zoo):
    zoo.record()
    (path,) = zoo.baseline_files()
    assert path.name == "models.slo.toml.json"
    assert list(zoo.baselines()) == IDS
    result = zoo.run("--trtperf-json=run.json")
    result.assert_outcomes(passed=4)
    assert {one["baseline"] for one in zoo.measurements()} == {"compared"}
    zoo.model("zoo/a", layers=3)
    zoo.run("--trtperf-race=never").assert_outcomes(passed=3, failed=1)


def test_baselines_may_be_a_file_for_each_test(zoo):
    zoo.record("--trtperf-baseline-files=test")
    files = zoo.baseline_files()
    assert {path.parent.name for path in files} == {"models.slo.toml"}
    assert len(files) == 4
    zoo.run("--trtperf-require-baseline").assert_outcomes(passed=4)


def test_only_what_changed_is_measured(zoo):
    zoo.record()
    unchanged = zoo.run("--trtperf-changed-only")
    unchanged.assert_outcomes(skipped=4)
    zoo.model("zoo/b", layers=2)
    write(zoo, TABLE.replace("qps = 1 }", "qps = 2 }").replace("vision", "speech"))
    changed = zoo.run("--trtperf-changed-only", "-v", "--trtperf-race=never")
    changed.assert_outcomes(skipped=2, passed=1, failed=1)
    changed.stdout.fnmatch_lines(
        ["measured: *budget throughput 1.0 -> 2.0: *net?n=64?", "measured: another model*zoo?b?"]
    )


def test_a_comparison_of_outputs_that_is_new_is_a_change(zoo, monkeypatch):
    zoo.record()
    monkeypatch.setattr("pytest_trtperf.fixtures.engine.Engine.assert_close", lambda *_, **__: None)
    write(zoo, TABLE.replace("qps = 1 }", "qps = 1, accuracy = true }"))
    changed = zoo.run("--trtperf-changed-only", "-v")
    changed.assert_outcomes(skipped=3, passed=1)
    changed.stdout.fnmatch_lines(["measured: other code of the test*net?n=64?"])


@pytest.mark.parametrize("how", [("-n2", "--dist=loadgroup"), ("-n2", "--dist=loadfile")])
def test_workers_share_them(zoo, how):
    pytest.importorskip("xdist")
    write(zoo, TABLE.replace('owner = "vision"', 'marks = { xdist_group = { name = "a" } }'))
    zoo.run(*how, "--trtperf-json=run.json", process=True).assert_outcomes(passed=4)
    assert [one["key"] for one in zoo.measurements()] == IDS


def test_marks_and_fixtures_are_those_of_functions(zoo):
    zoo.pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def locked():
            print("clocks locked")

        @pytest.fixture(scope="module", autouse=True)
        def once(request):
            print("once", request.node.name)
    """)
    write(
        zoo,
        """
        [net]
        onnx = "models/net.onnx"
        dims = { n = 4 }
        marks = { usefixtures = ["locked"] }
        [known]
        onnx = "gone.onnx"
        marks = { xfail = { reason = "not exported yet" } }
        [later]
        onnx = "gone.onnx"
        marks = { skip = { reason = "later" } }
        """,
    )
    result = zoo.run("-rxs", "-s")
    result.assert_outcomes(passed=1, xfailed=1, skipped=1)
    result.stdout.fnmatch_lines(["*once models.slo.toml*", "*clocks locked*", "*not exported yet"])
    assert len([line for line in result.outlines if "once" in line]) == 1


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[net]\nonnx = "x.onnx"\np99 = 3',
            "models.slo.toml:1: ?net?: unknown key 'p99': did you*",
        ),
        (
            '[net]\nonnx = "x.onnx"\nmarks = ["nightli"]',
            "*?net? marks: 'nightli' not found in `mar*",
        ),
        ("[net\n", "models.slo.toml: not TOML: *(at line 1, column 5)"),
    ],
)
def test_what_is_wrong_with_a_table_is_an_error_of_its_collection(zoo, text, message):
    zoo.ini("addopts = --strict-markers")
    write(zoo, text)
    result = zoo.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*ERROR collecting models.slo.toml*", message])


def test_a_model_outside_of_the_repository_is_known_by_its_digest(zoo):
    outside = zoo.path.parent / f"{zoo.path.name}-zoo"
    outside.mkdir()
    (zoo.path / "zoo" / "a.onnx").rename(outside / "a.onnx")
    write(zoo, f'[net]\nonnx = "{outside}/a.onnx"\ndims = {{ n = 4 }}')
    zoo.record()
    (outside / "a.onnx").rename(outside / "b.onnx")
    write(zoo, f'[net]\nonnx = "../{outside.name}/b.onnx"\ndims = {{ n = 4 }}')
    zoo.run("--trtperf-changed-only").assert_outcomes(skipped=1)


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
