"""A plugin that runs a test again when it fails, as pytest-rerunfailures does."""

from __future__ import annotations

RERUN = """
    from _pytest.runner import runtestprotocol

    def pytest_runtest_protocol(item, nextitem):
        for attempt in range(3):
            item._initrequest()
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            for report in reports:
                if attempt < 2 and report.failed:
                    report.outcome = "rerun"
                    item.ihook.pytest_runtest_logreport(report=report)
                    break
                item.ihook.pytest_runtest_logreport(report=report)
            else:
                return True
"""
