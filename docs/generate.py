"""Writes what is generated from the code: docs/reference.md, JSON Schemas of records and tables.

python docs/generate.py

A test compares them with what the code says.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import python_api
from python_api import row

import pytest_trtperf
from pytest_trtperf.cli import build_parser
from pytest_trtperf.commands.common import STATUSES
from pytest_trtperf.options import DECLARED, OF_MEASUREMENT, Option
from pytest_trtperf.options.resolve import FREE_PREFIX
from pytest_trtperf.record import schema
from pytest_trtperf.run import ci
from pytest_trtperf.slo import schema as slo_schema

REFERENCE = Path(__file__).parent / "reference.md"
SCHEMA = Path(pytest_trtperf.__file__).parent / "record" / schema.FILE
SLO_SCHEMA = Path(pytest_trtperf.__file__).parent / "slo" / slo_schema.FILE

OTHER_VARIABLES: Mapping[str, str] = {
    "CUDA_VISIBLE_DEVICES": "The GPUs that may be used; respected, and narrowed to one for each "
    "worker of pytest-xdist.",
    "XDG_CACHE_HOME": "Built engines are in its `trtperf` unless --trtperf-cache-dir is given.",
    FREE_PREFIX: "Names that begin so are yours; any other name that begins with `TRTPERF_`, and "
    "is not listed on this page, is a usage error.",
    "TRTPERF_CACHE_KEY_FILE": "The file with the key that `trtperf cache export` signs with and "
    "`import` verifies.",
    "TRTPERF_EXTRA": "What `tox run -e example` installs; the plugin does not read it.",
    "TRTPERF_GPU_SITE": "Where a GPU machine has packages of its own; the plugin does not read it.",
    ci.IS_CI: "Set in CI, like the variables of services below: baselines are recorded only if "
    "--trtperf-update is on the command line.",
    "GITHUB_ACTIONS": "`true` in GitHub Actions: failures are annotated.",
    "GITHUB_STEP_SUMMARY": "The file that the table of results is appended to.",
    "GITHUB_WORKSPACE": "The top of the repository, which annotations name files from.",
    **dict.fromkeys(ci.COMMIT_VARIABLES, "The commit that a record names; the first that is set."),
    **{
        one.marker: f"Says that this is a job of {one.name}."
        for one in ci.SERVICES
        if one.name != "github"
    },
    **{name: "The branch that a record names." for one in ci.SERVICES for name in one.branches},
    **dict.fromkeys(
        (one.pull_request for one in ci.SERVICES),
        "The pull request, which a record names in place of the branch.",
    ),
    **dict.fromkeys(
        (name for one in ci.SERVICES for name in re.findall(r"{(\w+)}", one.job_url)),
        "A part of the job's address in a record.",
    ),
}

PYTEST_STATUSES: Mapping[int, str] = {
    0: "all tests passed",
    1: "a test failed, a file that was asked for could not be written, or a hook raised an error",
    2: "interrupted; what was measured is in the files",
    4: "wrong usage, or no usable backend",
    5: "nothing was measured",
}


_OPTIONS = """\
## Options

Call > mark > command line > environment > ini file > default. Switches also have a `--no-` form. A
path in an ini file is relative to that file. In `pytest.toml` and `[tool.pytest]`, which pytest 9
reads, numbers and booleans may be written without quotes.

| option | ini key | environment variable | default | |
|---|---|---|---|---|
"""

_MARK = """\
## The mark

`@pytest.mark.trtperf(**options)` sets options for a test, class or module; arguments of
`trt_measure` and `trt_compare` set them for one measurement. Tests that use the fixtures have the
mark without being given it. These options of the table above can be set, by these names:
"""

_RECORD = f"""\
## The record of `--trtperf-json`

Its JSON Schema is [`{schema.FILE}`](../pytest_trtperf/record/{schema.FILE}), which the installed
package has in `record` too. Times are milliseconds, throughput is queries per second, changes are
shares (0.05 is 5 %). A round has the 21 quantiles of `pytest_trtperf.analysis.summary.QUANTILES`
for each metric. A change that breaks readers gets another version in `schema`, an added field does
not: skip what you do not know.

`tests` has each test that uses the fixtures, with pytest's outcome: also those that measured
nothing, such as one whose engine did not build. `unchanged` is said of what --trtperf-changed-only
skipped, `unfinished` of a test that the run did not get to, or not to the end of. A measurement
has the outcome of its test, and `baseline` says what happened:

| `baseline` | |
|---|---|
| `compared` | with the baseline, or with the record of --trtperf-against |
| `raced` | with the engine of a revision, without a baseline |
| `recorded` | it is in the baselines now |
| `not recorded` | though it was to be; `baseline_why` says why, such as `test failed` |
| `missing` | there was no baseline |
| `not compared` | though there was one; `baseline_why` is `failed before` or `skipped` |
| `off` | `baseline=False` |

The `FILE.json` of an earlier run is removed before the first test of a run.
While a run goes on, `FILE.jsonl` beside `FILE.json` has what is known: the record as it begins in
its first line, then each measurement and each test as it ends. Each line is written at once, and
survives the process. A run that reaches its end writes the record and removes the lines. One that
is killed leaves them: every command that reads a record reads them too, also by the name of the
record that was never written, and shows what had not ended. The next run with the same `FILE.json`
removes them.

`--trtperf-traces FILE.npz` keeps the raw times of each query beside it, as arrays
`<place>/<round>/<column>`. The place is what a measurement has as `traces`; columns are
`issued_ns`, `done_ns`, `enqueue_ns` and `due_ns` by the host's clock and `h2d_ms`, `gpu_compute_ms`
and `d2h_ms` by the device's, as far as they were measured.
"""


def reference() -> str:
    """The whole page."""
    lines = [
        "# Reference",
        "",
        "Generated from the code by `python docs/generate.py`; a test keeps it so.",
        "",
        *_options(),
        *_environment(),
        *_mark(),
        *python_api.section(),
        *python_api.hooks(),
        *_commands(),
        *_statuses(),
        *_RECORD.splitlines(),
    ]
    return "\n".join(lines).rstrip() + "\n"


def schema_text() -> str:
    """The content of the schema's file."""
    return json.dumps(schema.record_schema(), indent=1, ensure_ascii=False) + "\n"


def slo_schema_text() -> str:
    """The schema of tables of SLOs as its file has it."""
    return json.dumps(slo_schema.slo_schema(), indent=1, ensure_ascii=False) + "\n"


def _options() -> Iterator[str]:
    yield from _OPTIONS.splitlines()
    for option in DECLARED:
        flag = option.flag + (f" {option.metavar}" if option.metavar else "")
        cells = (f"`{flag}`", f"`{option.key}`", f"`{option.variable}`", _default(option))
        yield row(*cells, option.help)
    yield ""


def _default(option: Option) -> str:
    if option.default is None:
        return ""
    if isinstance(option.default, bool):
        return "on" if option.default else "off"
    if isinstance(option.default, tuple):
        return f"`{','.join(option.default)}`"
    return f"`{option.default:g}`" if isinstance(option.default, float) else f"`{option.default}`"


def _environment() -> Iterator[str]:
    yield from ("## Other environment variables", "", "| variable | |", "|---|---|")
    yield from (row(f"`{name}`", text) for name, text in OTHER_VARIABLES.items())
    yield ""


def _mark() -> Iterator[str]:
    yield from _MARK.splitlines()
    yield from ("", f"{', '.join(f'`{o.name}`' for o in OF_MEASUREMENT)}.", "")


def _commands() -> Iterator[str]:
    yield from ("## The command `trtperf`", "")
    for name, parser in _parsers(build_parser(), "trtperf"):
        yield from (f"### `{name}`", "", f"{parser.description}", "")
        yield from ("| argument | |", "|---|---|")
        for action in parser._actions:  # noqa: SLF001  # argparse has no other way to list them
            if action.dest != "help":
                yield row(f"`{_argument(action)}`", _help(action))
        yield from ("", "```", *(parser.epilog or "").rstrip().splitlines(), "```", "")


def _parsers(
    parser: argparse.ArgumentParser, name: str
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The commands that do something, with the parsers of their arguments."""
    nested = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001
    if not nested:
        yield name, parser
    for action in nested:
        for word, inner in action.choices.items():
            yield from _parsers(inner, f"{name} {word}")


def _argument(action: argparse.Action) -> str:
    metavar = action.metavar or "|".join(map(str, action.choices or ())) or action.dest.upper()
    names = ", ".join(action.option_strings)
    if not names:
        return str(metavar)
    return names if action.nargs == 0 else f"{names} {metavar}"


def _help(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default))


def _statuses() -> Iterator[str]:
    yield from ("## Exit statuses", "", "`pytest --trtperf`, as pytest has them:", "")
    yield from ("| | |", "|---|---|")
    yield from (row(str(status), text) for status, text in PYTEST_STATUSES.items())
    yield from ("", "`trtperf`:", "", "| | |", "|---|---|")
    for line in STATUSES.replace("\n     ", " ").splitlines()[1:]:
        status, _, text = line.strip().partition("  ")
        yield row(status, text)
    yield ""


def main() -> None:
    """Writes all files."""
    REFERENCE.write_text(reference(), encoding="utf-8")
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    SLO_SCHEMA.write_text(slo_schema_text(), encoding="utf-8")


if __name__ == "__main__":
    main()
