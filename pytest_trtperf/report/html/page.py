"""The page: records, and the trend of a directory of them, as one HTML file.

The scripts beside this file draw the charts as SVG. The numbers are embedded compressed, and
unpacked when the first row is opened: a file with a thousand measurements stays small and opens at
once.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pytest_trtperf.errors import ExtraMissing
from pytest_trtperf.files.atomic import write_atomically
from pytest_trtperf.judge.fleet import FleetAlarm
from pytest_trtperf.judge.trend import Trend
from pytest_trtperf.record.history import Series
from pytest_trtperf.record.model import (
    MaxQpsRecord,
    Measured,
    MeasurementRecord,
    PairRecord,
    RunRecord,
)
from pytest_trtperf.report.environment import busy_line, environment_lines
from pytest_trtperf.report.html import reported_tests, rows, trend_rows
from pytest_trtperf.report.html.alarms import alarms_of
from pytest_trtperf.report.html.cells import Row, counts
from pytest_trtperf.report.html.details import (
    MeasurementDetails,
    max_qps_details,
    measurement_details,
    pair_details,
)
from pytest_trtperf.report.html.failures import broken_tests, failures
from pytest_trtperf.report.html.forest import forest_of
from pytest_trtperf.report.html.links import commits_page, page_url, see_also
from pytest_trtperf.report.html.summary import facts_of, moment, mood, sentence
from pytest_trtperf.report.html.trend_details import Nights, trend_details
from pytest_trtperf.report.html.trend_rows import Followed
from pytest_trtperf.report.outcomes import OUTCOMES, marks_explained
from pytest_trtperf.report.undecided import undecided_line
from pytest_trtperf.text import counted
from pytest_trtperf.version import VERSION

SCRIPTS = (
    *("elements.js", "scale.js", "plot.js", "lines.js", "files.js", "figure.js"),
    *(
        "rounds.js",
        "changes.js",
        "parameters.js",
        "charts.js",
        "trend.js",
        "details.js",
        "compare.js",
    ),
    *("print.js", "page.js"),
)
"""In the order in which they need each other."""

STYLES = ("page.css", "table.css", "charts.css", "phone.css", "print.css")

MAX_FAILURES = 50
"""Failures that are listed above the table; all of them are in it."""

_BREAKS = re.compile(r"(?<=[_\[\]/:.,])(?=[^_\[\]/:.,])")
"""Where a name may go on in the next line."""

_HERE = Path(__file__).parent
_NEEDS = ("jinja2",)


def check_installed() -> None:
    """Looks for the packages that a page needs, without importing them.

    Raises:
        ExtraMissing: one is not installed.
    """
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise ExtraMissing(
            f"an HTML report needs {' and '.join(missing)}: "
            "install them with pip install 'pytest-trtperf[report]'"
        )


def write_html(
    path: Path,
    runs: Sequence[RunRecord],
    trends: Sequence[tuple[Series, Trend]] = (),
    alarms: Sequence[str] = (),
    standing: Sequence[FleetAlarm] = (),
) -> int:
    """Writes the page, whole or not at all; returns its bytes.

    Raises:
        ExtraMissing: a package that it needs is not installed.
        OSError: the directory cannot be written.
        ValueError: a text cannot be written as UTF-8.
    """
    data = html_page(runs, trends, alarms, standing).encode()
    write_atomically(path, data)
    return len(data)


def html_page(
    runs: Sequence[RunRecord],
    trends: Sequence[tuple[Series, Trend]] = (),
    alarms: Sequence[str] = (),
    standing: Sequence[FleetAlarm] = (),
) -> str:
    """The page of these runs, and of the series that they are part of.

    Args:
        alarms: sentences about the series.
        standing: the alarms themselves.
    """
    check_installed()
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = lambda name: Markup("<wbr>").join(_BREAKS.split(name))
    script = "\n".join(_text(name) for name in SCRIPTS)
    style = "\n".join(_text(name) for name in STYLES)
    found = rows.in_order(_measured(runs))
    lines = rows.measured_rows(found) if found else []
    measured = [one for _, one in found]
    groups = trend_rows.by_test(trends)
    job_url = next((run.ci.job_url for run in runs if run.ci and run.ci.job_url), None)
    of_nights = trend_rows.rows_of(groups, job_url)
    tests = reported_tests.in_order(runs)
    of_tests = reported_tests.rows_of(tests)
    failed = [*failures(found, lines), *broken_tests(runs, tests, of_tests)]
    return environment.get_template("page.html.jinja").render(
        version=VERSION,
        runs=runs,
        sentence=sentence(measured, runs),
        mood=mood(measured, runs),
        facts=facts_of(runs),
        moment=moment,
        page_url=page_url,
        forest=forest_of(lines),
        tables=list(_tables(lines, of_nights, of_tests)),
        standing=alarms_of(standing, of_nights),
        failures=failed[:MAX_FAILURES],
        more_failures=len(failed[MAX_FAILURES:]),
        alarms=alarms,
        can_compare=len(found) > 1 or bool(groups),
        environment=[
            *filter(None, [busy_line(measured)]),
            *environment_lines(measured),
            *marks_explained(measured),
        ],
        undecided=undecided_line(measured),
        text_columns=rows.TEXT_COLUMNS,
        style=Markup(style),  # noqa: S704  # a file of this package
        script=Markup(script),  # noqa: S704  # files of this package
        script_hash=_hash(script),
        style_hash=_hash(style),
        details=_packed(
            _details(
                runs,
                found,
                groups,
                {
                    "tests": reported_tests.details_of(tests, found, lines),
                    "see": _see(lines, of_nights),
                    "commits": commits_page(job_url),
                },
            )
        ),
    )


def _measured(runs: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, Measured]]:
    for run in runs:
        yield from ((run, one) for one in run.measured)


def _see(lines: Sequence[Row], of_nights: Sequence[Row]) -> dict[str, str]:
    return see_also((row.anchor for row in lines), (row.anchor for row in of_nights))


def _tables(
    lines: Sequence[Row], of_nights: Sequence[Row], of_tests: Sequence[Row]
) -> Iterator[dict[str, Any]]:
    """The tables that have rows, trends first: they are what a directory was asked about."""
    if of_nights:
        yield {
            "id": "trends",
            "title": "Trend over the nights",
            "count": f"{len(of_nights)} followed",
            "is_folded": False,
            "state": "State",
            "columns": trend_rows.COLUMNS,
            "rows": of_nights,
            "counts": counts(of_nights, trend_rows.STATES),
        }
    if lines:
        hardware = ("Hardware",) if len(lines[0].cells) > len(rows.MEASURED_COLUMNS) else ()
        yield {
            "id": "measurements",
            "title": "Measurements",
            "count": f"{len(lines)} measured",
            "is_folded": False,
            "state": "Verdict",
            "columns": (*rows.MEASURED_COLUMNS, *hardware),
            "rows": lines,
            "counts": counts(lines, OUTCOMES),
        }
    if of_tests:
        yield {
            "id": "tests",
            "title": "Tests",
            "count": counted(len(of_tests), "test"),
            "is_folded": True,
            "state": "Outcome",
            "columns": reported_tests.COLUMNS,
            "rows": of_tests,
            "counts": counts(of_tests, reported_tests.STATES),
        }


def _details(
    runs: Sequence[RunRecord],
    found: Sequence[tuple[RunRecord, Measured]],
    groups: Sequence[Sequence[Followed]],
    more: Mapping[str, Any],
) -> bytes:
    """What rows show once they are opened, as JSON."""
    nights = Nights()
    places = {id(run): place for place, run in enumerate(runs)}
    content = {
        "measurements": list(_measured_details(found)),
        "trends": [trend_details(group, nights) for group in groups],
        "nights": nights.of,
        "runs": [(run.created, run.hardware_class, run.host, run.commit) for run in runs],
        "run_of": [places[id(run)] for run, _ in found],
        **more,
    }
    return msgspec.json.encode(content)


def _measured_details(found: Sequence[tuple[RunRecord, Measured]]) -> Iterator[Any]:
    sweeps: dict[object, list[int]] = {}
    for place, (run, one) in enumerate(found):
        if isinstance(one, MeasurementRecord) and one.sweep:
            sweeps.setdefault(_sweep_of(run, one), []).append(place)
    for run, one in found:
        if isinstance(one, MeasurementRecord):
            details: MeasurementDetails = measurement_details(one)
            points = sweeps[_sweep_of(run, one)] if one.sweep else []
            yield msgspec.structs.replace(details, sweep_points=points)
        elif isinstance(one, MaxQpsRecord):
            yield max_qps_details(one)
        elif isinstance(one, PairRecord):
            yield pair_details(one)


def _sweep_of(run: RunRecord, one: MeasurementRecord) -> object:
    assert one.sweep is not None
    return id(run), one.test, one.sweep.name, one.sweep.variable


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """The source of a script or a style in a Content-Security-Policy, which allows no others."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _packed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()
