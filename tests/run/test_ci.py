"""What the variables of each service say of branch, commit and job."""

from __future__ import annotations

import pytest

from pytest_trtperf.run import ci

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_SHA": "c0ffee", "GITHUB_REF": "refs/heads/main",
    "GITHUB_HEAD_REF": "", "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7",
}  # fmt: skip
AZURE = {
    "TF_BUILD": "True", "BUILD_SOURCEVERSION": "c0ffee", "BUILD_SOURCEBRANCH": "refs/heads/a/b",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/o/", "SYSTEM_TEAMPROJECT": "p",
    "BUILD_BUILDID": "7",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "provider", "branch", "url"),
    [
        (GITHUB, "github", "main", "https://github.com/a/b/actions/runs/7"),
        (
            {"GITLAB_CI": "true", "CI_COMMIT_SHA": "c0ffee", "CI_COMMIT_BRANCH": "main",
             "CI_JOB_URL": "https://gitlab.com/j/7"},
            "gitlab", "main", "https://gitlab.com/j/7",
        ),
        (
            {"JENKINS_URL": "https://ci/", "GIT_COMMIT": "c0ffee", "GIT_BRANCH": "origin/main",
             "BUILD_URL": "https://ci/7"},
            "jenkins", "main", "https://ci/7",
        ),
        (
            {"BUILDKITE": "true", "BUILDKITE_COMMIT": "c0ffee", "BUILDKITE_BRANCH": "main",
             "BUILDKITE_PULL_REQUEST": "false", "BUILDKITE_BUILD_URL": "https://bk/7",
             "BUILDKITE_JOB_ID": "j"},
            "buildkite", "main", "https://bk/7#j",
        ),
        (AZURE, "azure", "a/b", "https://dev.azure.com/o/p/_build/results?buildId=7"),
        (
            {"CIRCLECI": "true", "CIRCLE_SHA1": "c0ffee", "CIRCLE_BRANCH": "main",
             "CIRCLE_BUILD_URL": "https://ci/7"},
            "circleci", "main", "https://ci/7",
        ),
    ],
    ids=[service.name for service in ci.SERVICES],
)  # fmt: skip
def test_each_service_names_commit_branch_and_job(variables, provider, branch, url):
    assert ci.commit(variables) == "c0ffee"
    assert ci.branch(variables) == branch
    job = ci.job(variables)
    assert job is not None
    assert (job.provider, job.job_url) == (provider, url)


@pytest.mark.parametrize(
    ("variables", "branch"),
    [
        ({**GITHUB, "GITHUB_REF": "refs/pull/12/merge", "GITHUB_HEAD_REF": "main"}, "pull/12"),
        ({**GITHUB, "GITHUB_HEAD_REF": "main"}, "pull/main"),
        ({"GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "12"}, "pull/12"),
        ({"JENKINS_URL": "u", "BRANCH_NAME": "PR-12", "CHANGE_ID": "12"}, "pull/12"),
        (
            {"BUILDKITE": "true", "BUILDKITE_BRANCH": "main", "BUILDKITE_PULL_REQUEST": "12"},
            "pull/12",
        ),
        ({**AZURE, "BUILD_SOURCEBRANCH": "refs/pull/12/merge"}, "pull/12"),
        ({"CIRCLECI": "true", "CIRCLE_BRANCH": "main", "CIRCLE_PR_NUMBER": "12"}, "pull/12"),
    ],
)
def test_a_pull_request_is_no_branch_of_the_repository(variables, branch):
    assert ci.branch(variables) == branch


@pytest.mark.parametrize(
    "variables",
    [{}, {"GITHUB_REF": "refs/heads/main"}, {**GITHUB, "GITHUB_REF": "refs/tags/v1"}],
    ids=["nothing", "no service", "tag"],
)
def test_there_may_be_no_branch(variables):
    assert ci.branch(variables) is None


def test_outside_of_a_service_there_is_no_job():
    assert ci.job({"CI": "true"}) is None


def test_a_job_whose_variables_are_incomplete_has_no_page():
    job = ci.job({"GITLAB_CI": "true"})
    assert job is not None
    assert job.job_url is None
