"""Where baselines of a module are, and back."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from pytest_trtperf.baseline.layout import baseline_path, file_of_test, folder_of_tests, module_of
from pytest_trtperf.errors import BaselineError

ROOT = Path("/b/h/onnxruntime")


@pytest.mark.parametrize("module", ["tests/test_x.py", "models.slo.toml", "zoo/a.b.slo.toml"])
def test_a_module_is_found_again_from_both_layouts(module):
    path = baseline_path(Path("/b"), "h", "onnxruntime", module)
    assert path.suffix == ".json"
    assert module_of(PurePosixPath(path.relative_to(ROOT))) == module
    assert folder_of_tests(path).relative_to(ROOT).as_posix() == module
    one = file_of_test(path, f"{module}::net[N=8]")
    assert module_of(PurePosixPath(one.relative_to(ROOT))) == module


@pytest.mark.parametrize("module", ["x.toml", "x.slo.toml.py", "../models.slo.toml", "/x.slo.toml"])
def test_what_is_no_test_module_has_no_baselines(module):
    with pytest.raises(BaselineError, match="cannot have a baseline"):
        baseline_path(Path("/b"), "h", "onnxruntime", module)
