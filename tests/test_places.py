"""Tests write nothing where the user's own runs do."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.plan_cache.place import default_cache_dir

CODE = """
from pytest_trtperf.measure.device_lock import device_lock
from pytest_trtperf.plan_cache.place import default_cache_dir
with device_lock(None, "GPU-of-a-test"):
    print(default_cache_dir())
"""


def locks(place: Path) -> list[str]:
    return [path.name for path in (place / "tmp" / "trtperf-locks").glob("GPU-of-a-test*")]


def test_a_test_that_names_no_places_has_its_own(own_places: Path) -> None:
    assert default_cache_dir() == own_places / "home" / ".cache" / "trtperf"
    with device_lock(None, "GPU-of-a-test-here"):
        assert "GPU-of-a-test-here.lock" in locks(own_places)


def test_so_has_what_it_starts(own_places: Path) -> None:
    output = subprocess.check_output([sys.executable, "-c", CODE], text=True)
    assert output.strip() == str(own_places / "home" / ".cache" / "trtperf")
    assert "GPU-of-a-test.lock" in locks(own_places)


def test_so_has_a_run_of_pytest_in_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"def test_places():\n    exec({CODE!r})")
    result = pytester.runpytest_subprocess("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*{pytester.path}/.cache/trtperf*"])


def test_they_are_not_the_user_s() -> None:
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert home / ".cache" / "trtperf" != default_cache_dir()
