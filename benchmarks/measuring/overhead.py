"""What the installed, unused plugin adds to `pytest -q` on one trivial test, in instructions.

    python -m benchmarks.measuring.overhead [--target 15]

Needs valgrind. Wall times cannot resolve it: on a virtual machine they vary by more than the plugin
takes. callgrind counts instructions, which repeat to 1 %. Each count is of a process of its own,
with written byte code and a fixed hash seed: pytest with the plugin, and with `-p no:trtperf`. For
comparison pytest-xdist is counted alike, where it is installed. One more run shows that the plugin
brings none of the heavy modules along. Exits 1 when the plugin is above the target or one was
imported, and 2 without valgrind.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

TARGET_MILLIONS = 15.0
HEAVY = ("numpy", "scipy", "cuda", "tensorrt", "tensorrt_rtx", "onnx", "onnxruntime", "msgspec")
PLUGINS = tuple(entry.name for entry in entry_points(group="pytest11"))
COMPARED = "xdist"

# An installed plugin has its byte code, whatever this shell says.
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONHASHSEED": "0",
}

PROBE = f"""
import sys
import pytest

class Probe:
    def pytest_unconfigure(self, config):
        assert config.pluginmanager.has_plugin("trtperf"), "the plugin is not installed"
        found = [name for name in {HEAVY!r} if name in sys.modules]
        print("heavy modules:", ", ".join(found) or "none")

raise SystemExit(pytest.main(sys.argv[1:], plugins=[Probe()]))
"""


def options(used: Iterable[str]) -> list[str]:
    """pytest's options; of the plugins of this environment only these are loaded."""
    unused = [option for name in PLUGINS if name not in used for option in ("-p", f"no:{name}")]
    return ["-q", "-p", "no:cacheprovider", *unused]


def run(command: Sequence[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command that has to succeed."""
    return subprocess.run(
        command, cwd=directory, env=ENVIRONMENT, check=True, capture_output=True, text=True
    )


def instructions(directory: Path, *used: str) -> int:
    """Instructions of one `pytest -q` in `directory`, interpreter start included."""
    command = [sys.executable, "-m", "pytest", *options(used)]
    run(command, directory)  # writes byte code
    counted = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    printed = run(counted, directory).stderr
    found = re.search(r"Collected : (\d+)", printed)
    if found is None:
        raise RuntimeError(f"callgrind printed no count:\n{printed[-2000:]}")
    return int(found[1])


def heavy_modules(directory: Path) -> str:
    """The line in which a run with the plugin says which heavy modules it imported."""
    command = [sys.executable, "-c", PROBE, *options(["trtperf"])]
    lines = run(command, directory).stdout.splitlines()
    return next(line for line in lines if line.startswith("heavy modules:"))


def main() -> int:
    """Count, print and judge."""
    parser = argparse.ArgumentParser(description="What the unused plugin adds to a pytest run.")
    parser.add_argument(
        "--target", type=float, default=TARGET_MILLIONS,
        help=f"millions of instructions (default: {TARGET_MILLIONS:g})",
    )  # fmt: skip
    target = parser.parse_args().target
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: instructions cannot be counted", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "pytest.ini").write_text("[pytest]\n")
        (directory / "test_trivial.py").write_text("def test_trivial():\n    pass\n")
        bare = instructions(directory)
        added = (instructions(directory, "trtperf") - bare) / 1e6
        print(f"Python {sys.version.split()[0]}; without plugins {bare / 1e6:.1f} million")
        if COMPARED in PLUGINS:
            compared = (instructions(directory, COMPARED) - bare) / 1e6
            print(f"pytest-{COMPARED} adds {compared:.1f} million")
        modules = heavy_modules(directory)
    passed = added <= target and modules.endswith("none")
    print(f"pytest-trtperf adds {added:.1f} million; {modules}")
    print(f"target: at most {target:g} million: {'kept' if passed else 'MISSED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
