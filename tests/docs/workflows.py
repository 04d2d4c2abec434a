"""What services make of a block of YAML: the whole document, and the lines that its job runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.docs.pages import Block

_ELSEWHERE = re.compile(r"\$\{\{|(?:python -m )?pip |gh |git |test -s comment")
"""Lines that need the service, its variables or the network."""


def lines_of(block: Block) -> Iterator[str]:
    """The lines that a job runs and that run here, too."""
    lines = _groovy(block.text) if block.language == "groovy" else shell_lines(document(block))
    yield from (line for line in lines if not _ELSEWHERE.search(line))


def document(block: Block) -> Any:
    """What a block of YAML is, made whole where a page shows a part of a GitHub workflow."""
    import yaml

    part = yaml.safe_load(block.text)
    if block.file == ".gitlab-ci.yml":
        return part
    if "jobs" in part:  # and "on", which YAML 1.1 reads as true
        return {"on" if key is True else key: value for key, value in part.items()}
    job = {"runs-on": "gpu-runner", "steps": [{"run": "true"}]}
    if isinstance(part, list):
        jobs = {"job": {**job, "steps": part}}
    elif any(isinstance(one, dict) and "runs-on" in one for one in part.values()):
        jobs = part
    else:
        jobs = {"job": {**job, **part}}
    return {"on": "pull_request", "jobs": jobs}


def shell_lines(whole: Any) -> Iterator[str]:
    """All lines that the jobs of a document run, in order."""
    for job in whole.get("jobs", whole).values():
        yield from (step["run"] for step in job.get("steps", ()) if "run" in step)
        yield from (*job.get("script", ()), *job.get("after_script", ()))


def _groovy(text: str) -> Iterator[str]:
    for long, short in re.findall(r"(?s)\bsh (?:'''(.*?)'''|'(.*?)')", text):
        yield long or short
