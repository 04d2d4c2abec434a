"""What environment variables of a continuous integration service say."""

from __future__ import annotations

from collections.abc import Mapping

COMMIT_VARIABLES = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT")
"""The commit under test on GitHub, GitLab and Jenkins."""


def commit(environment: Mapping[str, str]) -> str | None:
    """The commit that this run tests; None where no service names it."""
    return next((environment[name] for name in COMMIT_VARIABLES if environment.get(name)), None)
