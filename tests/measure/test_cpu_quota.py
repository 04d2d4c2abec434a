"""CPU quotas, in a file system that only looks like that of a container."""

from __future__ import annotations

import pytest

from pytest_trtperf.measure import cpu_quota as module
from pytest_trtperf.measure.cpu_quota import cpu_quota, missing_processors


@pytest.fixture
def root(tmp_path):
    (tmp_path / "proc/self").mkdir(parents=True)
    return tmp_path


def within(root, *lines):
    (root / "proc/self/cgroup").write_text("\n".join(lines) + "\n")


def group(root, place, **files):
    folder = root / "sys/fs/cgroup" / place
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("text", "quota"),
    [("150000 100000", 1.5), ("max 100000", None), ("100000 0", None), ("broken", None)],
)
def test_the_quota_of_a_group(root, text, quota):
    within(root, "0::/job")
    group(root, "job", cpu__max=text)
    assert cpu_quota(root) == quota


def test_the_least_quota_of_the_groups_above_counts(root):
    within(root, "0::/runner/job")
    group(root, "runner/job", cpu__max="400000 100000")
    group(root, "runner", cpu__max="50000 100000")
    assert cpu_quota(root) == 0.5


def test_the_top_is_that_of_a_container_which_knows_its_place_on_the_host(root):
    within(root, "0::/../../host/docker-1")
    group(root, "", cpu__max="200000 100000")
    assert cpu_quota(root) == 2


@pytest.mark.parametrize(("text", "quota"), [("75000", 0.75), ("-1", None)])
def test_the_quota_of_the_first_version(root, text, quota):
    within(root, "3:cpuset:/", "2:cpu,cpuacct:/job", "1:memory:/")
    group(root, "cpu,cpuacct/job", cpu__cfs_quota_us=text, cpu__cfs_period_us="100000")
    assert cpu_quota(root) == quota


def test_there_is_none_without_control_groups(root):
    assert cpu_quota(root) is None
    within(root, "nonsense")
    assert cpu_quota(root) is None


@pytest.mark.parametrize(("quota", "said"), [(None, False), (2.0, False), (1.5, True)])
def test_a_quota_below_the_processors_is_put_in_words(monkeypatch, quota, said):
    monkeypatch.setattr(module, "cpu_quota", lambda: quota)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    found = missing_processors()
    assert bool(found) is said
    assert found is None or found.startswith("a CPU quota leaves 1.5 of 2 processors: ")
