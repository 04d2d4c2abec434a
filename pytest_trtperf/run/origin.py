"""Where and of what a run is made: host, branch, commit, and the job of a service."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_trtperf.files.git_state import checked_out
from pytest_trtperf.options.declared import Settings
from pytest_trtperf.record.origin import CiRecord
from pytest_trtperf.run import ci
from pytest_trtperf.run.target import Target

# The last one changes when the machine starts, and containers of one machine have it in common.
MACHINE_IDS = (
    Path("/etc/machine-id"),
    Path("/var/lib/dbus/machine-id"),
    Path("/proc/sys/kernel/random/boot_id"),
)


@dataclass(frozen=True)
class Origin:
    """What `RunRecord` says of it, by the same names."""

    commit: str | None
    commit_time: str | None
    branch: str | None
    dirty: bool | None
    ci: CiRecord | None
    project: str | None = None


def origin_of(rootdir: Path, environment: Mapping[str, str]) -> Origin:
    """What services and git say, services first: they check out commits by themselves."""
    here = checked_out(rootdir)
    tested = ci.commit(environment) or here.commit
    return Origin(
        commit=tested,
        commit_time=here.commit_time if tested == here.commit else None,
        branch=ci.branch(environment) or here.branch,
        dirty=here.dirty,
        ci=ci.job(environment),
        project=rootdir.name or None,
    )


def host_name(settings: Settings, target: Target) -> str | None:
    """What a machine is called: the option, else its GPU's UUID, else a digest of its id."""
    return settings.host or target.uuid or machine_digest(MACHINE_IDS)


def build_host(settings: Settings) -> str | None:
    """What a machine is called where builds are timed: all of its GPUs share one name."""
    return settings.host or machine_digest(MACHINE_IDS)


def machine_digest(files: Sequence[Path]) -> str | None:
    """A name of this machine that says nothing else of it; None if it has no id.

    systemd asks programs to show no machine id, but a keyed digest of it:
    https://www.freedesktop.org/software/systemd/man/latest/machine-id.html
    """
    for path in files:
        try:
            found = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if found and found != "uninitialized":
            digest = hmac.new(found.encode(), b"pytest-trtperf", hashlib.sha256).hexdigest()
            return f"machine-{digest[:12]}"
    return None
