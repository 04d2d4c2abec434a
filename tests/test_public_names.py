"""What users import and hold: the exact names, and that importing them is cheap."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_trtperf
from pytest_trtperf import errors

ERRORS = {
    "AccuracyAssertionError",
    "BackendUnavailable",
    "BaselineError",
    "CacheError",
    "EngineBuildError",
    "EngineCacheWarning",
    "EngineLoadError",
    "ExtraMissing",
    "InconclusiveWarning",
    "MeasurementError",
    "PerfAssertionError",
    "QueryError",
    "ShapeError",
    "TableError",
    "TrtPerfDeprecationWarning",
    "TrtPerfError",
}
CLASSES = {
    *("TrtCompare", "TrtEngine", "TrtMeasure"),
    *("Engine", "MaxQps", "Pair", "Perf", "Sweep"),
    *("Layer", "Round", "Summary", "Verdict"),
}
NUMBERS = {
    *("cold_start_ms", "contention", "energy_per_query_mj", "findings", "first_query_ms"),
    "judged_metric",
    *("median", "metrics", "p99", "percentile", "qps", "queries", "rounds", "samples"),
    *("saturated", "steady", "summary", "time_to_steady_s", "total_gpu_compute_s"),
}
HELD = {
    "TrtEngine": {"from_trtexec"},
    "Engine": {
        *("assert_close", "backend", "builds", "built", "digest", "export_layers", "identity"),
        *("inputs", "layers"),
        *("name", "onnx", "outputs", "path", "plan_sha256", "precision"),
    },
    "TrtMeasure": {"builds", "from_trtexec", "max_qps", "sweep"},
    "TrtCompare": set(),
    "Perf": NUMBERS
    | {
        *("assert_build_time", "assert_cold_start", "assert_device_memory", "assert_engine_size"),
        *("assert_energy_per_query", "assert_load_time", "assert_percentiles", "costs"),
        *("assert_no_regression", "assert_p99", "assert_percentile", "assert_qps", "device_memory"),
        *("assert_cov", "assert_tail_ratio", "assert_transfer_share", "layer_types", "layers"),
        *("export_profile", "export_times", "note"),
    },
    "Pair": {"assert_faster", "assert_not_slower", "blocks", "new", "ratio", "reference"},
    "MaxQps": {
        *("assert_at_least", "closed_qps", "findings", "lower", "qps", "trials", "upper"),
    },
    "Sweep": {"curve", "perfs", "spread", "table", "variable"},
}


def public_attributes(kind: type) -> set[str]:
    fields = set(getattr(kind, "__dataclass_fields__", ()))
    return {name for name in {*dir(kind), *fields} if not name.startswith("_")}


def test_names_are_exactly_these():
    assert {*pytest_trtperf.__all__} == ERRORS | CLASSES | {"__version__"}
    assert dir(pytest_trtperf) == sorted(pytest_trtperf.__all__)


def test_every_error_is_public():
    defined = {name for name, _ in inspect.getmembers(errors, inspect.isclass)}
    assert defined == ERRORS


@pytest.mark.parametrize("name", sorted(CLASSES | ERRORS))
def test_type_checkers_find_a_name_where_it_is(name):
    stub = Path(str(pytest_trtperf.__file__)).with_suffix(".pyi")
    tree = ast.parse(stub.read_text(encoding="utf-8"))
    imports = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert getattr(pytest_trtperf, name).__module__ == imports[name]


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'pytest_trtperf' has no attribute 'Prf'"):
        _ = pytest_trtperf.Prf  # type: ignore[attr-defined]


@pytest.mark.parametrize("what", ["import pytest_trtperf", "from pytest_trtperf import ShapeError"])
def test_import_is_cheap(what):
    source = f"{what}; import sys; print(*sys.modules)"
    run = [sys.executable, "-c", source]
    modules = set(subprocess.run(run, capture_output=True, text=True, check=True).stdout.split())
    assert modules.isdisjoint({"numpy", "scipy", "msgspec", "pytest"})


@pytest.mark.parametrize("name", sorted(HELD))
def test_a_test_holds_no_internals(name):
    assert public_attributes(getattr(pytest_trtperf, name)) == HELD[name]


def test_a_pair_s_sides_have_numbers_alone():
    from pytest_trtperf.fixtures.result import Result

    assert public_attributes(Result) == NUMBERS
