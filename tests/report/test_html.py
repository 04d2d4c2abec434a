"""The HTML page: what is in the file, whatever a browser makes of it (see tests/browser)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
from html.parser import HTMLParser

import msgspec
import pytest

from pytest_trtperf.errors import ExtraMissing
from pytest_trtperf.record.model import (
    AgainstRecord,
    EngineRecord,
    LayerRecord,
    MaxQpsRecord,
    PairRecord,
)
from pytest_trtperf.record.verdict import VerdictRecord
from pytest_trtperf.report.html.page import html_page, write_html

pytest.importorskip("jinja2")

ODD_KEYS = (
    "tests/t.py::test_a[<script>alert(1)</script>]",
    "tests/t.py::test_a[</script><!--]",
    "tests/t.py::test_a[\"' onload=alert(1) x='&lt;]",
    "tests/t.py::test_a[{{ 7 * 7 }}{% raw %}]",
    "tests/t.py::test_ü[日本-🚀]",
    "tests/t.py::test_a[../../etc/passwd]",
    "no module",
    f"tests/t.py::test_a[{'x' * 20_000}]",
)


class Page(HTMLParser):
    """The elements of a page, with the texts of scripts."""

    def __init__(self, text):
        super().__init__()
        self.text, self.elements, self.scripts = text, [], {}
        self.open = None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.open = dict(attributes).get("id", "code") if tag == "script" else None

    def handle_data(self, data):
        if self.open is not None:
            self.scripts[self.open] = self.scripts.get(self.open, "") + data

    def handle_endtag(self, tag):
        self.open = None

    def having(self, name):
        return [attributes for _, attributes in self.elements if name in attributes]

    @property
    def rows(self):
        return [one["data-key"] for one in self.having("data-key")]

    @property
    def details(self):
        return json.loads(unpacked(self.scripts["details"]))


def unpacked(text):
    return gzip.decompress(base64.b64decode(text))


@pytest.fixture
def page(make_run):
    def make(*measurements, **changes):
        return Page(html_page([make_run(*measurements, **changes)]))

    return make


def test_odd_names_are_texts(page, make_measurement):
    found = page(*(make_measurement(key) for key in ODD_KEYS))
    assert found.rows == list(ODD_KEYS)
    assert [one["key"] for one in found.details["measurements"]] == list(ODD_KEYS)
    scripts = [attributes for tag, attributes in found.elements if tag == "script"]
    assert len(scripts) == 2
    assert not [one for one in found.elements for name in one[1] if name.startswith("on")]


def test_texts_of_a_record_are_texts(page, make_measurement):
    bad = "<img src=x onerror=alert(1)>"
    verdict = VerdictRecord(
        kind="budget", metric=bad, status="fail", reason=bad, message=bad, limit=1.0, failed=True
    )
    one = make_measurement(bad, verdicts=[verdict], differences=[bad], notes=[bad])
    found = page(one, device=bad, commit=bad, software={bad: bad})
    assert "img" not in {tag for tag, _ in found.elements}
    assert found.text.count("&lt;img src=x onerror=alert(1)&gt;") >= 6


def test_nothing_is_loaded_from_elsewhere(page):
    found = page()
    links = [one["href"] for one in found.having("href")]
    assert {link for link in links if not link.startswith("#")} == {"data:,"}
    assert found.having("src") == found.having("action") == []
    text = found.text.replace("http://www.w3.org/2000/svg", "")  # a name, which nothing is at
    assert "http:" not in text
    assert "https:" not in text


def test_policy_allows_these_scripts_and_no_other(page):
    found = page()
    (policy,) = (one["content"] for one in found.having("http-equiv"))
    style = found.text.partition("<style>")[2].partition("</style>")[0]
    for kind, text in (("script", found.scripts["code"]), ("style", style)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'; " in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not found.having("style")


def test_file_is_small_and_ends(make_run, tmp_path):
    path = tmp_path / "out" / "run.html"
    size = write_html(path, [make_run()])
    assert path.stat().st_size == size < 250_000
    assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def test_failures_come_first_in_full(page, make_measurement):
    failed = VerdictRecord(
        kind="baseline", metric="gpu_compute median", status="fail", reason="over_limit",
        message="t.py::test_b: it is slower", value=2.0, baseline=1.0, change=1.0, lower=0.9,
        upper=1.1, failed=True,
    )  # fmt: skip
    one = make_measurement("t.py::test_b", verdicts=[failed], differences=["layer conv: +1 ms"])
    found = page(make_measurement("t.py::test_a"), one)
    assert found.rows == ["t.py::test_b", "t.py::test_a"]
    listed = found.text.partition('id="failures"')[2].partition("</section>")[0]
    assert "<li>it is slower" in listed
    assert "<li>layer conv: +1 ms</li>" in listed
    (row,) = (one["id"] for one in found.having("data-key") if one["data-key"] == "t.py::test_b")
    assert f'href="#{row}"' in listed


def test_details_of_a_measurement(page, make_measurement):
    one = make_measurement()
    state = {"sm_clock_mhz": 1980.0, "memory_clock_mhz": 3201.0, "power_w": None}
    rounds = [msgspec.structs.replace(r, before=state, after=state) for r in one.rounds]
    aside = msgspec.structs.replace(
        rounds[0], started=2.3, ended=2.5, disturbances=["power cap for 21 ms"]
    )
    against = AgainstRecord(
        runs=2, rounds=10, throughput=900.0, quantiles={"latency": [1.1] * 21}, plan="p",
        recorded="2026-01-01T00:00:00Z", software={}, layers={"a": 0.1, "gone": 0.3},
    )  # fmt: skip
    layers = [
        LayerRecord(name=name, median_ms=ms, average_ms=ms, total_ms=ms, share=0.5)
        for name, ms in (("a", 0.15), ("new", 0.2))
    ]
    found = page(
        msgspec.structs.replace(
            one,
            sessions=[msgspec.structs.replace(one.sessions[0], rounds=rounds, set_aside=[aside])],
            against=against,
            layers=layers,
        )
    )
    (details,) = found.details["measurements"]
    assert details["distributions"]["latency"] == {"now": [1.0] * 21, "then": [1.1] * 21}
    assert details["distributions"]["gpu_compute"]["then"] is None
    over_time = details["over_time"]
    assert over_time["set_aside"] == [False, False, False, True, False, False]
    assert over_time["why"][3] == "power cap for 21 ms"
    assert over_time["at"] == sorted(over_time["at"])
    assert over_time["median"]["latency"][:2] == [0.999, 1.001]
    # A memory clock that never moves has nothing to show.
    assert [line["name"] for line in details["device"]] == ["SM clock, MHz"]
    assert details["layers"] == [["new", 0.2, None], ["a", 0.15, 0.1], ["gone", None, 0.3]]


def test_searches_and_pairs_have_rows(page, make_run, make_measurement):
    engine = EngineRecord(name="m", backend="tensorrt", digest="d", plan_sha256="p")
    search = MaxQpsRecord(
        test="t.py::test_rate", key="t.py::test_rate", device="NVIDIA H200", engine=engine,
        shapes={}, mode={}, limit_ms=2.0, rate=900.0, lower=880.0, upper=920.0, closed_qps=1000.0,
        trials=[{"rate": 900.0, "response_ms": 1.9, "saturated": False}], findings=[],
        verdicts=[], message="900 qps",
    )  # fmt: skip
    pair = PairRecord(
        test="t.py::test_pair", key="t.py::test_pair", device="NVIDIA H200",
        engines={"new": engine, "reference": engine}, modes={}, blocks=9,
        ratios={"median": {"value": 1.1, "lower": 1.0, "upper": float("inf"), "new": 1.1,
                           "reference": 1.0}},
        verdicts=[], findings=[], message="slower",
    )  # fmt: skip
    found = page(make_measurement(), max_qps=[search], pairs=[pair])
    assert [one["type"] for one in found.details["measurements"]] == [
        "pair", "measurement", "max_qps",
    ]  # fmt: skip
    assert "+10.0%" in found.text
    # JSON has no infinity.
    assert found.details["measurements"][0]["ratios"]["median"]["upper"] is None


def test_what_was_not_decided_is_counted(make_run, make_measurement):
    verdict = VerdictRecord(
        kind="budget", metric="m", status="inconclusive", reason="not_steady", message="why"
    )
    run = make_run(make_measurement("t.py::test_a", verdicts=[verdict]))
    line = "<p>1 of 1 measurement was not decided: 1 not steady (test_a)</p>"
    assert line in html_page([run])
    assert "not decided" not in html_page([make_run(make_measurement("t.py::test_a"))])


def test_what_was_taken_from_a_change_is_said(page, make_measurement):
    verdict = VerdictRecord(
        kind="baseline", metric="latency median", status="pass", reason="within_limit",
        message="", value=2.0, baseline=1.9, change=0.02, lower=0.01, upper=0.03, limit=0.05,
        shift=-0.119,
    )  # fmt: skip
    text = page(make_measurement("t.py::test_a", verdicts=[verdict])).text
    assert ">+2.0%*<" in text
    assert "[+1.0%, +3.0%] without -11.9% of the machine" in text
    assert "* without what the unchanged engines of this run have in common: -11.9%</p>" in text


def test_several_devices_are_distinguished(make_run):
    runs = [make_run(), make_run(device="NVIDIA L4", hardware_class="nvidia-l4")]
    text = html_page(runs)
    assert "<h3>NVIDIA H200</h3>" in text
    assert "<h3>NVIDIA L4</h3>" in text
    assert '<button type="button">Hardware</button>' in text
    assert '<button type="button">Hardware</button>' not in html_page(runs[:1])


def test_each_software_is_listed_once(make_run):
    # On the CPU the plugin's version is part of the software, since it chooses the threads.
    run = make_run(software={"python": "3.11", "pytest-trtperf": "0.1.0"})
    assert html_page([run]).count("<dt>pytest-trtperf</dt>") == 1


def test_a_run_without_measurements_is_a_page(make_run):
    run = msgspec.structs.replace(make_run(), measurements=[], exit_status=5)
    assert html_page([run]).count("Nothing was measured") == 1


def test_a_missing_package_names_the_extra(make_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ExtraMissing, match=r"jinja2.*pytest-trtperf\[report\]"):
        write_html(tmp_path / "run.html", [make_run()])
    assert list(tmp_path.iterdir()) == []
