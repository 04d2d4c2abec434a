"""What a run of pytest wrote: its record, and JUnit's properties."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

WORKERS = pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["alone", "xdist"])


def read(project):
    return json.loads((project.path / "run.json").read_text())


def junit(project):
    """Names and values of the properties of each test case, with those that come twice."""
    return {
        case.get("name"): [(one.get("name"), one.get("value")) for one in case.iter("property")]
        for case in ET.parse(project.path / "run.xml").iter("testcase")
    }
