from __future__ import annotations

import sys

import pytest

from pytest_trtperf.backend.tensorrt.bindings import (
    MODULES,
    collected,
    import_tensorrt,
    refusals,
    shared_logger,
)
from pytest_trtperf.errors import BackendUnavailable


@pytest.mark.parametrize(
    ("backend", "advice"),
    [
        ("tensorrt", r"pytest-trtperf\[tensorrt-cu13\].*\[tensorrt-cu12\]"),
        ("tensorrt-rtx", r"pytest-trtperf\[rtx\]"),
        ("tensorrt-lean", "tensorrt-lean-cu13"),
    ],
)
def test_a_missing_package_names_what_to_install(monkeypatch, backend, advice):
    monkeypatch.setitem(sys.modules, backend.replace("-", "_"), None)
    with pytest.raises(BackendUnavailable, match=advice):
        import_tensorrt(backend)


def test_libraries_that_do_not_load_are_quoted(monkeypatch, tmp_path):
    (tmp_path / "tensorrt_lean.py").write_text("raise OSError('libnvinfer_lean.so.10: broken')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt_lean", raising=False)
    with pytest.raises(BackendUnavailable, match=r"libnvinfer_lean\.so\.10: broken"):
        import_tensorrt("tensorrt-lean")


def test_another_backend_lists_the_family():
    with pytest.raises(BackendUnavailable, match=", ".join(MODULES)):
        import_tensorrt("onnxruntime")


def test_the_floor_imports_nothing_heavy(start):
    child = start(
        "import sys\n"
        "from pytest_trtperf.backend.tensorrt import bindings, build\n"
        "from pytest_trtperf.engine import spec\n"
        "from pytest_trtperf.plan_cache import cache\n"
        "heavy = {'numpy', 'onnx', 'onnxruntime', 'tensorrt', 'tensorrt_rtx', 'cuda'}\n"
        "print(heavy & set(sys.modules))"
    )
    output, errors = child.communicate(timeout=60)
    assert output == "set()\n", errors


def test_errors_are_those_of_the_block_and_of_inner_blocks():
    trt = pytest.importorskip("tensorrt_rtx")
    logger, severity = shared_logger(trt), trt.ILogger.Severity
    assert shared_logger(trt) is logger
    logger.log(severity.ERROR, "before")
    with collected(trt) as outer:
        logger.log(severity.ERROR, "first\n")
        with collected(trt) as inner:
            logger.log(severity.INTERNAL_ERROR, "second")
            logger.log(severity.WARNING, "harmless")
        assert inner() == ["second"]
        assert outer() == ["first", "second"]


def test_only_the_last_errors_of_a_long_block_are_kept():
    trt = pytest.importorskip("tensorrt_rtx")
    logger, severity = shared_logger(trt), trt.ILogger.Severity
    with collected(trt) as errors:
        for number in range(5000):
            logger.log(severity.ERROR, str(number))
    assert errors()[-1] == "4999"
    assert len(errors()) < 5000


def test_errors_are_refusals_and_warnings_are_none():
    trt = pytest.importorskip("tensorrt_rtx")
    logger, severity = shared_logger(trt), trt.ILogger.Severity

    def log(*severities):
        with refusals(trt, lambda said: ValueError(" and ".join(said))):
            for kind in severities:
                logger.log(kind, kind.name)

    log(severity.WARNING, severity.INFO)
    with pytest.raises(ValueError, match=r"^ERROR and INTERNAL_ERROR$"):
        log(severity.ERROR, severity.WARNING, severity.INTERNAL_ERROR)


def test_messages_of_the_block_are_passed_on_but_for_details():
    trt = pytest.importorskip("tensorrt_rtx")
    logger, severity = shared_logger(trt), trt.ILogger.Severity
    said: list[str] = []
    with collected(trt, said.append):
        with collected(trt) as inner:
            logger.log(severity.ERROR, "inside\n")
        for kind in (severity.WARNING, severity.INFO, severity.VERBOSE):
            logger.log(kind, "text")
    logger.log(severity.ERROR, "after")
    assert inner() == ["inside", "after"]
    assert said == ["ERROR: inside", "WARNING: text", "INFO: text"]
