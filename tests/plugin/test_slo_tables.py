"""`*.slo.toml` as pytest collects it: items are functions that use the fixtures."""

from __future__ import annotations

import json

import pytest

from tests.plugin.tables import TABLE, write

IDS = [
    "models.slo.toml::net[n=64]",
    "models.slo.toml::net[n=8]",
    "models.slo.toml::zoo[a]",
    "models.slo.toml::zoo[b]",
]


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


def test_what_may_be_missing_no_more_is_a_change(zoo):
    entry = '[b]\nonnx = "zoo/b.onnx"\nshapes = { x = [8, 64] }\nenergy_per_query_mj = 5\n'
    write(zoo, f"{entry}missing_ok = true\n")
    zoo.record()
    zoo.run("--trtperf-changed-only").assert_outcomes(skipped=1)
    write(zoo, entry)
    changed = zoo.run("--trtperf-changed-only", "-v")
    changed.assert_outcomes(passed=1)
    changed.stdout.fnmatch_lines(["measured: other code of the test*"])


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
