"""`trtperf import-trtexec`: adds a run of trtexec to a baseline."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pytest_trtperf.analysis.gates import LEAST_QUERIES_FOR_P99
from pytest_trtperf.analysis.summary import Sample
from pytest_trtperf.backend.registry import builtin_backends
from pytest_trtperf.baseline.hardware import gpu_class
from pytest_trtperf.baseline.merge import add_run, has_run, incompatibilities
from pytest_trtperf.baseline.schema import BaselineEntry, BaselineRound
from pytest_trtperf.baseline.store import BaselineStore
from pytest_trtperf.commands.common import (
    ExitStatus,
    Parsers,
    add_baseline_dir,
    add_command,
    note,
    parse_test_key,
    parsed,
    say,
    say_json,
    say_text,
)
from pytest_trtperf.commands.trtexec_budgets import budgets_table
from pytest_trtperf.errors import BaselineError
from pytest_trtperf.files.digests import file_sha256
from pytest_trtperf.options.values import parse_share
from pytest_trtperf.text import counted
from pytest_trtperf.trtexec.measured_mode import mode_of_trtexec, shapes_of_trtexec
from pytest_trtperf.trtexec.read_exports import (
    TimedQuery,
    import_profile,
    import_times,
    read_export,
)
from pytest_trtperf.trtexec.read_log import is_log, read_log
from pytest_trtperf.trtexec.runs import (
    MIN_ROUNDS,
    UNKNOWN_PLAN,
    imported_entry,
    imported_run,
)
from pytest_trtperf.utc import utc_text

_EXAMPLE = """\
  trtexec --loadEngine=resnet50.plan --useSpinWait --shapes=input:8x3x224x224 \\
      --exportTimes=times.json
  trtperf import-trtexec times.json --test "tests/test_perf.py::test_resnet50" \\
      --command "--useSpinWait --shapes=input:8x3x224x224" --plan resnet50.plan \\
      --hardware-class nvidia-h200 --backend tensorrt --software tensorrt=10.13.2
  trtexec --onnx=resnet50.onnx > trtexec.log
  trtperf import-trtexec trtexec.log --budgets
"""

_DETAILS = """\
A test is compared with this run only if it measures in the same mode. By default trtexec 10 does
not spin while it waits: give it --useSpinWait. By default trtexec 11 leaves transfers out and uses
a CUDA graph: give it --includeDataTransfers and --noCudaGraph.
"""


def add(commands: Parsers) -> None:
    """Adds the parser."""
    parser = add_command(
        commands,
        "import-trtexec",
        _run,
        help="add a run of trtexec, from its --exportTimes file, to a test's baseline",
        example=_EXAMPLE,
        details=_DETAILS,
    )
    parser.set_defaults(baseline_files=None)
    option = parser.add_argument
    option(
        "times",
        metavar="TIMES.json",
        type=Path,
        help="the file from trtexec --exportTimes=…; with --budgets, what trtexec printed",
    )
    option(
        "--budgets",
        action="store_true",
        help="print the summary of trtexec's log as budgets, an entry of a table of SLOs; no other "
        "option is needed",
    )
    option(
        "--slack",
        type=parsed(parse_share),
        default=0.1,
        metavar="SHARE",
        help="by how much these budgets are wider than the summary (default: %(default)s)",
    )
    option(
        "--test",
        type=parse_test_key,
        metavar="ID",
        help="the test's key: its id, relative to the parent of the baseline directory, and #NAME "
        "if the measurement has name=",
    )
    option(
        "--command",
        metavar="ARGUMENTS",
        help="trtexec's arguments, quoted as one, with --shapes of every input (static ones too)",
    )
    option(
        "--hardware-class",
        type=_hardware_class,
        metavar="GPU",
        help="the hardware class, such as nvidia-h200, or the GPU's name",
    )
    option(
        "--backend",
        dest="measured_by",  # the project's own backend is no default of this
        choices=[backend.name for backend in builtin_backends() if backend.builds_plans],
        help="the backend of the test",
    )
    option(
        "--version",
        dest="trtexec_version",
        type=int,
        choices=(10, 11),
        default=10,
        help="trtexec's major version, whose defaults differ (default: %(default)s)",
    )
    option(
        "--profile",
        type=Path,
        metavar="PROFILE.json",
        help="the file from trtexec --exportProfile=…, so that a regression names its layers",
    )
    option("--plan", type=Path, metavar="FILE", help="the plan that trtexec ran, for its SHA-256")
    add_baseline_dir(parser)
    option(
        "--software",
        action="append",
        default=[],
        type=_software,
        metavar="NAME=VERSION",
        help="a version to record, such as tensorrt=10.13.2 or driver=580.65; may be repeated",
    )


def _run(arguments: argparse.Namespace) -> int:
    path, key = arguments.times, arguments.test
    data = read_export(path)
    if arguments.budgets:
        say_text(budgets_table(read_log(data, path), arguments.slack).rstrip("\n"))
        return ExitStatus.OK
    _check_is_import(arguments, data)
    mode = mode_of_trtexec(arguments.command, arguments.trtexec_version)
    shapes = shapes_of_trtexec(arguments.command)
    if not shapes:
        raise BaselineError(
            "--command has no shapes, and no test compares with a run without them: "
            "add --shapes=NAME:SHAPE,… of every input, even if all are static"
        )
    queries = import_times(data, path)
    run = imported_run(
        queries,
        recorded=_modified(path),
        plan=file_sha256(arguments.plan) if arguments.plan else UNKNOWN_PLAN,
        software={"trtexec": str(arguments.trtexec_version), **dict(arguments.software)},
        layers=_layers(arguments.profile) if arguments.profile else {},
    )
    new = imported_entry(run, mode=mode, shapes=shapes)

    store = BaselineStore(
        arguments.baseline_dir,
        arguments.hardware_class,
        arguments.measured_by,
        arguments.baseline_files,
    )
    module = key.partition("::")[0]
    stored = store.get(module, key)
    new = _of_the_same_engine(stored, new)
    if stored and not incompatibilities(stored, new) and has_run(stored, new):
        raise BaselineError(f"{store.path(module)} has this run of {key} already: nothing changed")
    entry = add_run(stored, new)
    written = store.update(module, {key: entry})
    path = written or store.path(module)
    if arguments.json:
        say_json({"path": str(path), "key": key, "runs": len(entry.runs)})
    else:
        say(str(path))
        say(f"{key}: {_summary(queries, run.rounds)}; run {len(entry.runs)} of its baseline")
    _note_what_to_know(stored, new)
    return ExitStatus.OK


def _of_the_same_engine(stored: BaselineEntry | None, new: BaselineEntry) -> BaselineEntry:
    """`new` with the stored engine's digest if a stored run has the same plan.

    The digest is of model and build options, which a plan does not hold.
    """
    plans = {run.plan for run in stored.runs} if stored else set()
    if stored and new.runs[0].plan in plans:
        return msgspec.structs.replace(new, engine=stored.engine)
    return new


def _note_what_to_know(stored: BaselineEntry | None, new: BaselineEntry) -> None:
    if stored and (reasons := incompatibilities(stored, new)):
        note(f"note: replaced {counted(len(stored.runs), 'stored run')}: {'; '.join(reasons)}")
    rounds = new.runs[0].rounds
    least = min(round.queries for round in rounds)
    if least < LEAST_QUERIES_FOR_P99:
        rate = sum(round.throughput for round in rounds) / len(rounds)
        seconds = 1.1 * MIN_ROUNDS * LEAST_QUERIES_FOR_P99 / rate
        note(
            f"note: P99 will not be compared: that needs {LEAST_QUERIES_FOR_P99} queries per "
            f"round, and there are {least}; run trtexec with --duration={seconds:.0f} or more"
        )


def _summary(queries: Sequence[TimedQuery], rounds: Sequence[BaselineRound]) -> str:
    latency = Sample([query.latency_ms for query in queries])
    in_rounds = sum(round.queries for round in rounds)
    span_s = sum(round.queries / round.throughput for round in rounds)
    return (
        f"latency P50 {latency.median:.4g} ms, P99 {latency.percentile(99):.4g} ms, "
        f"{in_rounds / span_s:.5g} QPS ({counted(len(queries), 'query')} in "
        f"{counted(len(rounds), 'round')})"
    )


def _layers(profile: Path) -> dict[str, float]:
    """Median milliseconds by layer."""
    return {layer.name: layer.median_ms for layer in import_profile(read_export(profile), profile)}


def _check_is_import(arguments: argparse.Namespace, data: bytes) -> None:
    if is_log(data):
        raise BaselineError(
            f"{arguments.times} is trtexec's log, and a baseline needs the time of each query: run "
            "trtexec again with --exportTimes=times.json and import that file. Of the log, "
            "trtperf import-trtexec --budgets makes budgets, and trtperf compare-trtexec compares "
            "it with a record"
        )
    needed = {
        "--test": arguments.test,
        "--command": arguments.command,
        "--hardware-class": arguments.hardware_class,
        "--backend": arguments.measured_by,
    }
    if lacking := ", ".join(option for option, given in needed.items() if given is None):
        raise BaselineError(f"a baseline needs {lacking}: see trtperf import-trtexec --help")


def _modified(path: Path) -> str:
    """When a file was written, in UTC: trtexec's files do not say when it ran."""
    return utc_text(path.stat().st_mtime)


def _hardware_class(text: str) -> str:
    try:
        return gpu_class(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _software(text: str) -> tuple[str, str]:
    name, _, version = text.partition("=")
    if not (name and version):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VERSION")
    return name, version
