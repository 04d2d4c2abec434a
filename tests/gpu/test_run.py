from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pytest_trtperf.backend.probe import Probe
from tests.plain_records import rounds_of

TEST = """
def test_chain(trt_engine, trt_measure):
    engine = trt_engine("chain.onnx", shapes={"x": ("1x64", "8x64", "32x64")})
    print("BUILT" if engine.built else "CACHED")
    perf = trt_measure(engine, shapes={"x": (8, 64)}, cuda_graph=True)
    perf.assert_p99(ms={"NVIDIA *": 1000})
"""
FAST = ("--trtperf", "--trtperf-round-ms=50", "--trtperf-tolerance=0.5", "-rA")


@pytest.fixture
def project(
    probe: object,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    write_model: Callable[..., Path],
) -> pytest.Pytester:
    write_model(pytester.path / "chain.onnx", layers=20, width=64)
    pytester.makepyfile(TEST)
    monkeypatch.setenv("TRTPERF_CACHE_DIR", str(pytester.path / "cache"))
    return pytester


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    # Where the package is not installed, the plugin was loaded by name: so do the runs inside.
    installed = any(e.name == "trtperf" for e in entry_points(group="pytest11"))
    plugin = () if installed else ("-p", "pytest_trtperf.plugin")
    return project.runpytest_subprocess(*plugin, *FAST, *options)


def test_record_then_pass_then_fail_when_slower(
    project: pytest.Pytester, write_model: Callable[..., Path]
) -> None:
    recorded = run(project, "--trtperf-update")
    assert recorded.ret == 0
    recorded.stdout.fnmatch_lines(["*BUILT*", "*baseline written: *"])
    unchanged = run(project, "--trtperf-json=run.json")
    assert unchanged.ret == 0
    unchanged.stdout.fnmatch_lines(["*CACHED*"])
    (measurement,) = json.loads((project.path / "run.json").read_text())["measurements"]
    # Throughput is left to the host here: its busy cores may leave that one open.
    statuses = {v["metric"]: v["status"] for v in measurement["verdicts"]}
    assert statuses["gpu_compute median"] == "pass"
    write_model(project.path / "chain.onnx", layers=80, width=64)
    slower = run(project)
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(
        ["*test_chain: gpu_compute median regressed: * ms against * ms in the baseline, +*%*"]
    )


def kernels(project: pytest.Pytester, *options: str) -> tuple[list[str], str]:
    """The states of the kernels of a run that passed, and the digest of the last session's."""
    assert run(project, *options, "--trtperf-json=run.json").ret == 0
    (measurement,) = json.loads((project.path / "run.json").read_text())["measurements"]
    sessions = measurement["sessions"]
    return [one["kernels"] for one in sessions], sessions[-1].get("kernels_digest")


def test_every_run_measures_stored_kernels(probe: Probe, project: pytest.Pytester) -> None:
    if probe.backend != "tensorrt-rtx":
        pytest.skip("TensorRT for RTX alone compiles kernels when it runs")
    recorded, digest = kernels(project, "--trtperf-update")
    assert recorded == ["cached"] * 3
    assert kernels(project) == (["cached"], digest)
    (stored,) = project.path.glob("cache/*.runtime")
    stored.unlink()
    assert kernels(project)[0] == ["cached"]
    stored.write_bytes(b"no kernels")
    assert kernels(project, "-Wdefault")[0] == ["cached"]
    other = run(project, "--trtperf-kernels=fresh")
    assert other.ret == 1
    other.stdout.fnmatch_lines(["*another mode*kernels is fresh here and cached in the baseline*"])


def test_only_what_changed_is_measured(
    probe: Probe, project: pytest.Pytester, write_model: Callable[..., Path]
) -> None:
    pytest.importorskip("xdist")
    assert run(project, "--trtperf-update").ret == 0
    options = ("--trtperf-changed-only", "-v")
    for distribution in (("-p", "no:xdist"), ("-n1",)):
        unchanged = run(project, *options, *distribution)
        assert unchanged.ret == 0
        unchanged.assert_outcomes(skipped=1)
        unchanged.stdout.fnmatch_lines(["1 test was not measured: unchanged since the baseline"])
    if probe.backend == "tensorrt-rtx":
        (stored,) = project.path.glob("cache/*.runtime")
        stored.unlink()
        other = run(project, *options)
        other.assert_outcomes(passed=1)
        other.stdout.fnmatch_lines(["measured: other kernels than in the baseline*"])
    write_model(project.path / "chain.onnx", layers=10, width=64)
    changed = run(project, *options)
    changed.assert_outcomes(passed=1)
    changed.stdout.fnmatch_lines(["measured: another model*"])


@pytest.mark.parametrize("distribution", [("-n2",), ("-n0",), ("-p", "no:xdist")])
def test_same_files_with_and_without_xdist(
    project: pytest.Pytester, distribution: tuple[str, ...]
) -> None:
    pytest.importorskip("xdist")
    project.makepyfile(test_more=TEST.replace("test_chain", "test_more"))
    result = run(project, "--trtperf-update", "--trtperf-json=run.json", *distribution)
    assert result.ret == 0
    names = {path.name for path in project.path.glob("perf-baselines/*/*/*.json")}
    assert len(names) == 2
    rounds = sorted(_spans(project.path / "run.json"))
    assert len(rounds) >= 10
    assert all(end <= start for (_, end), (start, _) in pairwise(rounds))


def test_a_plan_is_loaded_as_it_is(project: pytest.Pytester, plan: bytes) -> None:
    (project.path / "chain.plan").write_bytes(plan)
    call = 'trt_engine("chain.onnx", shapes={"x": ("1x64", "8x64", "32x64")})'
    assert call in TEST
    project.makepyfile(TEST.replace(call, 'trt_engine("chain.plan")'))
    assert run(project).ret == 0
    assert not list(project.path.glob("cache/*.plan"))


def test_exports_layers_memory_and_ranges(project: pytest.Pytester) -> None:
    pytest.importorskip("nvtx")
    project.makepyfile(
        TEST
        + """
    layers = perf.layers()
    assert sum(layer.share for layer in layers) > 0.99
    perf.assert_device_memory(mib={"NVIDIA *": 4096})
    print("ENERGY", perf.energy_per_query_mj)
"""
    )
    options = ("--trtperf-nvtx", "--trtperf-export-times=out", "--trtperf-export-profile=out")
    result = run(project, *options, "--trtperf-json=run.json")
    assert result.ret == 0
    (name,) = [path.name for path in project.path.glob("out/*.times.json")]
    times = json.loads((project.path / "out" / name).read_text())
    profile = json.loads((project.path / "out" / name.replace("times", "profile")).read_text())
    (measurement,) = json.loads((project.path / "run.json").read_text())["measurements"]
    assert len(times) == sum(round["queries"] for round in rounds_of(measurement))
    assert [layer["name"] for layer in profile[1:]] == [
        layer["name"] for layer in measurement["layers"]
    ]
    assert measurement["device_memory"]["peak_bytes"] > 0
    assert measurement["sessions"][0]["cold_start_ms"] > 0


def test_costs_are_known_and_held_to_budgets(project: pytest.Pytester) -> None:
    project.makepyfile(
        TEST
        + """
    perf.assert_percentiles({50: 1000, 99: 2000})
    perf.assert_load_time(ms=60_000)
    perf.assert_cold_start(ms={"NVIDIA *": 60_000})
    perf.assert_engine_size(mib=1000)
    perf.assert_build_time(s=3600)
    perf.assert_device_memory(mib=4096)
    perf.assert_energy_per_query(mj=1e6, missing_ok=True)
    costs = perf.costs
    assert 0 < costs["load_time"] < costs["cold_start"]
    assert perf.first_query_ms < costs["cold_start"]
"""
    )
    assert run(project, "--trtperf-json=run.json").ret == 0
    (measurement,) = json.loads((project.path / "run.json").read_text())["measurements"]
    by_metric = {one["metric"]: one["status"] for one in measurement["verdicts"]}
    assert by_metric["load time"] == by_metric["cold start"] == by_metric["build time"] == "pass"
    (session,) = measurement["sessions"]
    assert session["load_ms"] == measurement["costs"]["load_time"]["values"][0]


def test_an_impossible_load_time_fails_by_five_sessions(project: pytest.Pytester) -> None:
    project.makepyfile(TEST + "    perf.assert_load_time(ms=0.001)\n")
    result = run(project)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*load time * ms > 0.001 ms *", "*5 sessions, *"])


def test_regression_names_the_layers(
    project: pytest.Pytester, write_model: Callable[..., Path]
) -> None:
    assert run(project, "--trtperf-layers", "--trtperf-update").ret == 0
    (path,) = project.path.glob("perf-baselines/*/*/*.json")
    (entry,) = json.loads(path.read_text())["entries"].values()
    assert len(entry["runs"][-1]["layers"]) >= 2
    write_model(project.path / "chain.onnx", layers=80, width=64)
    slower = run(project, "--trtperf-layers")
    assert slower.ret == 1
    slower.stdout.fnmatch_lines(["*layer *: +* ms, *% of the change*"])


def test_open_load_sweep_and_highest_rate(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_loads(trt_engine, trt_measure):
            engine = trt_engine("chain.onnx", shapes={"x": ("1x64", "8x64", "32x64")})
            options = {"cuda_graph": True, "transfers": False}
            perf = trt_measure(engine, {"x": (8, 64)}, request_rate=500, **options)
            assert perf.judged_metric == "response"
            assert abs(perf.qps / 500 - 1) < 0.2
            perf.assert_p99(ms=1000)
            sweep = trt_measure.sweep(engine, batch_sizes=(1, 32), name="batch", **options)
            assert [batch for batch, _ in sweep] == [1, 32]
            found = trt_measure.max_qps(engine, 0.5, {"x": (8, 64)}, name="most", **options)
            assert 0 < found.lower <= found.qps <= found.upper
        """
    )
    result = run(project, "--trtperf-json=run.json", "--trtperf-max-time=60")
    assert result.ret == 0
    record = json.loads((project.path / "run.json").read_text())
    assert len(record["measurements"]) == 3
    assert len(record["max_qps"]) == 1


def _spans(path: Path) -> list[tuple[float, float]]:
    record: dict[str, Any] = json.loads(path.read_text())
    rounds = [r for measurement in record["measurements"] for r in rounds_of(measurement)]
    return [(r["started"], r["ended"]) for r in rounds]


def test_pair_of_equal_engines_is_even_and_a_longer_one_is_slower(
    project: pytest.Pytester, write_model: Callable[..., Path]
) -> None:
    write_model(project.path / "longer.onnx", layers=24, width=64)
    project.makepyfile(
        """
        import pytest

        def test_pair(trt_engine, trt_compare):
            profile = {"x": ("1x64", "8x64", "32x64")}
            chain = trt_engine("chain.onnx", shapes=profile)
            longer = trt_engine("longer.onnx", shapes=profile)
            options = dict(shapes={"x": (8, 64)}, cuda_graph=True)
            even = trt_compare(chain, chain, name="even", **options)
            even.assert_not_slower(tolerance=0.05)
            slower = trt_compare(longer, chain, name="longer", **options)
            with pytest.raises(AssertionError, match="is slower by more than 5%"):
                slower.assert_not_slower(tolerance=0.05)
        """
    )
    assert run(project).ret == 0


def test_builds_of_one_plan_are_close(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        def test_builds(trt_engine, trt_measure):
            engine = trt_engine("chain.onnx", shapes={"x": (8, 64)}, builds=2)
            found = trt_measure.builds(engine, shapes={"x": (8, 64)}, cuda_graph=True)
            assert len(found) == 2 and found.spread < 0.2
        """
    )
    result = run(project)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*#build=0: the medians of 2 builds (* plan*) are *% apart"])


def test_a_race_decides_between_engine_and_environment(
    project: pytest.Pytester, write_model: Callable[..., Path]
) -> None:
    assert run(project, "--trtperf-update").ret == 0
    write_model(project.path / "chain.onnx", layers=80, width=64)
    assert run(project, "--trtperf-json=slower.json").ret == 1
    (slower,) = json.loads((project.path / "slower.json").read_text())["measurements"]
    (median,) = [v for v in slower["verdicts"] if v["metric"] == "gpu_compute median"]
    assert (median["status"], median["reason"]) == ("fail", "over_limit")
    assert median["race"]["lower"] > 0.5
    assert "fresh sessions of both" in median["race"]["extent"]

    # The baseline of a machine that is twice as fast: the engine is that of the baseline.
    write_model(project.path / "chain.onnx", layers=20, width=64)
    (path,) = (project.path / "perf-baselines").glob("*/*/*.json")
    baseline = json.loads(path.read_text())
    for entry in baseline["entries"].values():
        for one in (session for stored in entry["runs"] for session in stored["sessions"]):
            for round in one["rounds"]:
                round["queries"] *= 2
                round["throughput"] *= 2
                for name, values in round["quantiles"].items():
                    round["quantiles"][name] = [value / 2 for value in values]
    path.write_text(json.dumps(baseline))
    assert run(project, "--trtperf-json=moved.json").ret == 0
    (moved,) = json.loads((project.path / "moved.json").read_text())["measurements"]
    (median,) = [v for v in moved["verdicts"] if v["metric"] == "gpu_compute median"]
    assert (median["status"], median["reason"]) == ("pass", "environment")
