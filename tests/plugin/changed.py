"""What tests of `--trtperf-changed-only` share: a run, and why it measured."""

from __future__ import annotations

import re

ONLY = "--trtperf-changed-only"


def run(project, *options, **how):
    """Runs with the option; says why, and writes a record."""
    return project.run(ONLY, "-v", "-rs", "--trtperf-json=run.json", *options, **how)


def why(result):
    """Why tests were measured."""
    found = [re.match(r"measured: (.*): [^:]*::", line) for line in result.outlines]
    return [one[1] for one in found if one]


def is_unchanged(project, *options, **how):
    """Whether a run, which must not fail, skipped all tests, and each for this reason."""
    result = run(project, *options, **how)
    assert result.ret == 0
    outcomes = result.parseoutcomes()
    tests = sum(outcomes.get(name, 0) for name in ("passed", "skipped", "xpassed", "xfailed"))
    counts = [
        re.match(r"(\d+) tests? w\w+ not measured: unchanged", one) for one in result.outlines
    ]
    return [int(one[1]) for one in counts if one] == [tests]


def measured_since(project, *options):
    """Why the only test was measured, whatever came of it."""
    result = run(project, *options)
    outcomes = result.parseoutcomes()
    assert outcomes.get("passed", 0) + outcomes.get("failed", 0) == 1
    (found,) = why(result)
    return found


def edit(project, before, after, name="test_perf.py"):
    """Edits a file."""
    path = project.path / name
    source = path.read_text()
    assert before in source
    path.write_text(source.replace(before, after))
