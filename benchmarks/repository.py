"""A model repository in a directory: tests, a cache and baselines, on which pytest runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


class Repository:
    """Runs pytest in a process of its own, with the package of this checkout.

    Args:
        files: the content of each, by name; without a pytest.ini it has an empty one.
    """

    def __init__(self, directory: Path, backend: str, files: Mapping[str, str]) -> None:
        self.directory, self._backend = directory, backend
        for name, content in {"pytest.ini": "[pytest]\n", **files}.items():
            (directory / name).write_text(content)
        (directory / "perf-baselines").mkdir(exist_ok=True)

    def pytest(self, *options: str) -> tuple[int, Path, str]:
        """The exit status, where the record is if pytest wrote one, and the last lines."""
        record = self.directory / "run.json"
        record.unlink(missing_ok=True)
        command = [
            sys.executable, "-m", "pytest", "-p", "pytest_trtperf.plugin", "-p", "no:cacheprovider",
            "--trtperf", f"--trtperf-backend={self._backend}", f"--trtperf-json={record}", *options,
        ]  # fmt: skip
        environment = {
            **os.environ,
            "TRTPERF_CACHE_DIR": str(self.directory / "cache"),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)),
        }
        done = subprocess.run(
            command, cwd=self.directory, env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, record, (done.stdout + done.stderr)[-3000:]
