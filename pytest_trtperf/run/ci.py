"""What environment variables of a continuous integration service say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_trtperf.record.origin import PULL, CiRecord


@dataclass(frozen=True)
class Service:
    """A service, by the variables that its jobs have.

    Attributes:
        marker: says that this is one of its jobs.
        commit: the commit under test.
        branches: the branch or the ref; the first that is set.
        pull_request: the number or the branch of a pull request, empty or false elsewhere.
        job_url: the page of the job.
    """

    name: str
    marker: str
    commit: str
    branches: tuple[str, ...]
    pull_request: str
    job_url: str


SERVICES = (
    Service(
        "github", "GITHUB_ACTIONS", "GITHUB_SHA", ("GITHUB_REF",), "GITHUB_HEAD_REF",
        "{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}",
    ),
    Service(
        "gitlab", "GITLAB_CI", "CI_COMMIT_SHA", ("CI_COMMIT_BRANCH",), "CI_MERGE_REQUEST_IID",
        "{CI_JOB_URL}",
    ),
    Service(
        "jenkins", "JENKINS_URL", "GIT_COMMIT", ("BRANCH_NAME", "GIT_BRANCH"), "CHANGE_ID",
        "{BUILD_URL}",
    ),
    Service(
        "buildkite", "BUILDKITE", "BUILDKITE_COMMIT", ("BUILDKITE_BRANCH",),
        "BUILDKITE_PULL_REQUEST", "{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}",
    ),
    Service(
        "azure", "TF_BUILD", "BUILD_SOURCEVERSION", ("BUILD_SOURCEBRANCH",),
        "SYSTEM_PULLREQUEST_PULLREQUESTID",
        "{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}",
    ),
    Service(
        "circleci", "CIRCLECI", "CIRCLE_SHA1", ("CIRCLE_BRANCH",), "CIRCLE_PR_NUMBER",
        "{CIRCLE_BUILD_URL}",
    ),
)  # fmt: skip

COMMIT_VARIABLES = tuple(service.commit for service in SERVICES)
"""The commit under test."""

_NO = ("", "0", "false")

IS_CI = "CI"
"""What most services set beside a variable of their own."""


def commit(environment: Mapping[str, str]) -> str | None:
    """The commit that this run tests; None where no service names it."""
    return next((environment[name] for name in COMMIT_VARIABLES if environment.get(name)), None)


def branch(environment: Mapping[str, str]) -> str | None:
    """The branch that this run tests; None where no service names one.

    A pull request is `pull/` and its number: its branch may have the name of the one it goes to.
    """
    service = _service(environment)
    if service is None:
        return None
    ref = next((environment[name] for name in service.branches if environment.get(name)), "")
    if number := re.match(r"refs/pull/([^/]+)/", ref):
        return f"{PULL}{number[1]}"
    request = environment.get(service.pull_request, "")
    if request.lower() not in _NO:
        return f"{PULL}{request}"
    if ref.startswith("refs/") and not ref.startswith("refs/heads/"):
        return None
    return ref.removeprefix("refs/heads/").removeprefix("origin/") or None


def job(environment: Mapping[str, str]) -> CiRecord | None:
    """The service, and the page of the job; None outside of one."""
    service = _service(environment)
    if service is None:
        return None
    try:
        url = service.job_url.format_map(environment)
    except KeyError:
        url = None
    return CiRecord(provider=service.name, job_url=url)


def _service(environment: Mapping[str, str]) -> Service | None:
    return next(
        (one for one in SERVICES if environment.get(one.marker, "").lower() not in _NO), None
    )


def is_ci(environment: Mapping[str, str]) -> bool:
    """Whether this is a job of a service."""
    return environment.get(IS_CI, "").lower() not in _NO or _service(environment) is not None
