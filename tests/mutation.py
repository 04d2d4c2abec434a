"""Changes the code of a room in small ways and reports which changes no test notices.

    python tests/mutation.py analysis
    python tests/mutation.py analysis/paired.py
    python tests/mutation.py judge/limits.py tests/judge tests/fixtures

The first argument is a room of the package or a file in one, the others are the tests to run; by
default those of the room. `mutmut` works in a copy under `.tox/mutation/`; the options of pytest
are those of `pyproject.toml`. Last come the changes that survived, each as a diff.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = "pytest_trtperf"
COPIED = (PACKAGE, "tests", "benchmarks", "docs", "example_project")

CONFIG = """
[mutmut]
source_paths = {package}
only_mutate = {changed}
also_copy =
    {copied}
pytest_add_cli_args =
    -q
    -p
    no:cacheprovider
pytest_add_cli_args_test_selection =
    {tests}
"""


def prepare(subject: str, tests: list[str]) -> Path:
    """A directory with links to what is copied and a configuration for `subject` alone."""
    directory = ROOT / ".tox" / "mutation" / "work"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for name in (*COPIED, "pyproject.toml"):
        (directory / name).symlink_to(ROOT / name)
    changed = f"{PACKAGE}/{subject}" if subject.endswith(".py") else f"{PACKAGE}/{subject}/*"
    config = CONFIG.format(
        package=PACKAGE,
        changed=changed,
        copied="\n    ".join(COPIED),
        tests="\n    ".join(tests or [f"tests/{subject.partition('/')[0]}"]),
    )
    (directory / "setup.cfg").write_text(config)
    return directory


def main() -> int:
    """Run mutmut, then show each survivor."""
    subject, *tests = sys.argv[1:] or sys.exit(__doc__)
    if not (ROOT / PACKAGE / subject).exists():
        sys.exit(f"{PACKAGE}/{subject} does not exist")
    directory = prepare(subject.rstrip("/"), tests)
    mutmut = [sys.executable, "-m", "mutmut"]
    jobs = ["--max-children", os.environ.get("MUTATION_JOBS", "2")]
    done = subprocess.run([*mutmut, "run", *jobs], cwd=directory, check=False)
    if done.returncode:
        return done.returncode
    listed = subprocess.run(
        [*mutmut, "results"], cwd=directory, check=True, capture_output=True, text=True
    )
    for line in listed.stdout.splitlines():
        name, _, status = line.strip().partition(": ")
        if status in {"survived", "no tests"}:
            sys.stdout.write(f"\n{status}: ")
            sys.stdout.flush()
            subprocess.run([*mutmut, "show", name], cwd=directory, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
