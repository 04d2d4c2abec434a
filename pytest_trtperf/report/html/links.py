"""Names of places in a page, which the next page has too, and the pages of a repository."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence

_DIGITS = 10

_JOBS = (
    (re.compile(r"(https?://[^/\s]+/[^/\s]+/[^/\s]+)/actions/runs/\d+"), "{}/commit/{}"),
    (re.compile(r"(https?://[^/\s]+/[^\s]+?)/-/jobs/\d+"), "{}/-/commit/{}"),
)
"""The pages of jobs of GitHub and GitLab, and where their repository shows a commit."""

_ANY_COMMIT = "0" * 40

_PAGE = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)


def anchors(prefix: str, identities: Iterable[Sequence[str | None]]) -> list[str]:
    """A name for each: a hash of what it is of, so that a link holds in the next page too.

    The same again, which only a page of several runs has, gets a number.
    """
    seen: Counter[str] = Counter()
    names = []
    for identity in identities:
        text = "\0".join(part or "" for part in identity)
        digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()
        name = f"{prefix}-{digest[:_DIGITS]}"
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return names


def see_also(measured: Iterable[str], of_nights: Iterable[str]) -> dict[str, str]:
    """From the row of a measurement to that of its trend and back, by their names."""
    trends = {name.partition("-")[2]: name for name in of_nights}
    pairs = {name: trends[of] for name in measured if (of := name.partition("-")[2]) in trends}
    return pairs | {there: here for here, there in pairs.items()}


def page_url(text: str | None) -> str | None:
    """An address that a link may have: a record is of others, and `javascript:` is one, too."""
    return text if text and _PAGE.fullmatch(text) else None


def project_of(job_url: str | None) -> str | None:
    """The name of the repository of a job; None where its page does not say."""
    for job, _ in _JOBS:
        if job_url and (found := job.match(job_url)):
            return found[1].split("/", 3)[3]
    return None


def commit_url(job_url: str | None, commit: str | None) -> str | None:
    """Where the repository of a job shows a commit; None where the job does not say."""
    if not job_url or not commit or not re.fullmatch(r"[0-9a-fA-F]{6,64}", commit):
        return None
    for job, page in _JOBS:
        if found := job.match(job_url):
            return page_url(page.format(found[1], commit))
    return None


def commits_page(job_url: str | None) -> str | None:
    """What the pages of a repository's commits begin with; None where the job does not say."""
    return (commit_url(job_url, _ANY_COMMIT) or "").removesuffix(_ANY_COMMIT) or None
