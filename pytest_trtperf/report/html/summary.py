"""What a page says first: what failed and why in a sentence, and of what the runs were made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_trtperf.analysis.verdict import Reason
from pytest_trtperf.judge.headline import headline
from pytest_trtperf.record.model import Measured, RunRecord
from pytest_trtperf.record.text import shortened
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.html.links import commit_url, page_url, project_of
from pytest_trtperf.report.outcomes import broken, listed, outcome
from pytest_trtperf.text import counted
from pytest_trtperf.utc import utc_seconds

_LONGEST_NAME = 80
_COMMIT_DIGITS = 12
_LISTED = 4
_MINUTE, _HOUR = 60, 3600


@dataclass(frozen=True)
class Said:
    """A fact with its name; an address makes it a link."""

    name: str
    text: str
    url: str | None = None


def sentence(measured: Sequence[Measured], runs: Sequence[RunRecord]) -> str:
    """How many failed and why, the clearest case with its numbers."""
    cut = [] if all(run.complete for run in runs) else ["not all was run: it ended before that"]
    return "; ".join([_of_measured(measured, runs), *cut])


def mood(measured: Sequence[Measured], runs: Sequence[RunRecord]) -> str:
    """What a sentence looks like: fail, open or pass."""
    states = {outcome(one) for one in measured}
    if "fail" in states or any(broken(run.tests, run.measured) for run in runs):
        return "fail"
    whole = "pass" in states and all(run.complete for run in runs)
    return "pass" if whole and states.isdisjoint({"inconclusive", "swallowed"}) else "open"


def _of_measured(measured: Sequence[Measured], runs: Sequence[RunRecord]) -> str:
    failed = [one for one in measured if outcome(one) == "fail"]
    others = [test for run in runs for test in broken(run.tests, run.measured)]
    unmeasured = f"{counted(len(others), 'test')} failed without a verdict" if others else ""
    if not failed:
        passed = _passed(measured)
        return f"{unmeasured}; {passed[0].lower()}{passed[1:]}" if unmeasured else passed
    causes: dict[str, list[tuple[Measured, VerdictRecord]]] = {}
    for one in failed:
        verdict = max((v for v in one.verdicts if v.failed), key=_size)
        causes.setdefault(_cause(verdict), []).append((one, verdict))
    parts = [_of_cause(words, those) for words, those in causes.items()]
    count = f"{len(failed)} of {counted(len(measured), 'measurement')} failed"
    return "; ".join([f"{count}: {parts[0]}", *parts[1:], *filter(None, [unmeasured])])


def _passed(measured: Sequence[Measured]) -> str:
    states = [outcome(one) for one in measured]
    if not states:
        return "Nothing was measured"
    words = {
        "inconclusive": "not decided",
        "swallowed": "failed a verdict that the test caught",
        "xfail": "failed as expected",
        "measured": "without a budget or a baseline",
    }
    rest = [f"{count} {text}" for state, text in words.items() if (count := states.count(state))]
    passed = states.count("pass")
    if not rest:
        return f"All {passed} measurements passed" if passed > 1 else "The measurement passed"
    return (
        f"Nothing failed: {passed} of {counted(len(states), 'measurement')} passed, "
        + ", ".join(rest)
    )


def _size(one: VerdictRecord) -> float:
    return abs(one.change or 0.0)


def _cause(one: VerdictRecord) -> str:
    if one.reason == Reason.ENVIRONMENT:
        return "slower by their machine, not by the engine"
    if one.reason == Reason.SOFTWARE:
        return "slower by other software, not by the engine"
    if one.reason not in (Reason.OVER_LIMIT, Reason.UNDER_LIMIT, Reason.SATURATED):
        return "not decided, which an option makes a failure"
    if one.kind == "budget":
        return "beyond the budget"
    return "slower than the reference" if one.kind == "pair" else "slower than the baseline"


def _of_cause(words: str, those: Sequence[tuple[Measured, VerdictRecord]]) -> str:
    worst, verdict = max(those, key=lambda pair: _size(pair[1]))
    name = shortened(worst.key.partition("::")[2] or worst.key, _LONGEST_NAME)
    numbers = headline(verdict, worst.test, worst.device).removeprefix(f"{worst.key}: ")
    if len(those) == 1:
        return f"{name} is {words.replace('their', 'its')}, {numbers}"
    return f"{len(those)} are {words}, most {name}, {numbers}"


def facts_of(runs: Sequence[RunRecord]) -> list[Said]:
    """Of what, where and for how long: what readers look for first."""
    facts = [
        *_each("Project", (project_of(_job(run)) or run.project for run in runs)),
        *_each("Branch", (run.branch for run in runs)),
        *_linked("Commit", [(_commit(run), commit_url(_job(run), run.commit)) for run in runs]),
        *_linked("Job", [(_job_words(run), page_url(_job(run))) for run in runs]),
        *_each("Hardware", (run.device for run in runs)),
        *_each("Backend", (run.backend for run in runs)),
        *_each("Host", (host for run in runs for host in _hosts(run))),
    ]
    if seconds := sum(filter(None, map(seconds_of, runs))):
        facts.append(Said("Duration", duration(seconds)))
    ended = max((run.created for run in runs), default="")
    return [*facts, *([Said("Ended", moment(ended))] if ended else [])]


def moment(text: str) -> str:
    """A time of a record as people read it."""
    return text.replace("T", " ").replace("Z", " UTC")


def duration(seconds: float) -> str:
    """Such as `41 s`, `4 min 12 s` and `2 h 5 min`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"


def seconds_of(run: RunRecord) -> float | None:
    """How long a run took; None where its record does not say."""
    try:
        return utc_seconds(run.created) - utc_seconds(run.started) if run.started else None
    except ValueError:
        return None


def _hosts(run: RunRecord) -> Iterable[str | None]:
    return [run.host, *(one.host for one in run.measured)]


def _commit(run: RunRecord) -> str | None:
    if not run.commit:
        return None
    return run.commit[:_COMMIT_DIGITS] + (" and changed files" if run.dirty else "")


def _job(run: RunRecord) -> str | None:
    return run.ci.job_url if run.ci else None


def _job_words(run: RunRecord) -> str | None:
    if not run.ci:
        return None
    return run.ci.provider if page_url(_job(run)) else run.ci.job_url or run.ci.provider


def _each(name: str, texts: Iterable[str | None]) -> list[Said]:
    """One fact with all values that there are."""
    found = list(dict.fromkeys(filter(None, texts)))
    return [Said(name, listed(found, _LISTED))] if found else []


def _linked(name: str, found: Iterable[tuple[str | None, str | None]]) -> list[Said]:
    """A fact for each value, of many the first few."""
    pairs = dict.fromkeys((text, url) for text, url in found if text)
    return [Said(name, text or "", url) for text, url in list(pairs)[:_LISTED]]
