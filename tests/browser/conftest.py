"""A headless Chromium, and a page with everything that a record can have."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.browser.browser import FAILED, LONG, ODD_LAYER, SCRIPT, UNICODE, Browser


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; logs everything that it complains about and asks for."""
    pytest.importorskip("jinja2")
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    browser, chromedriver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (browser and chromedriver):
        reason = "needs chromium and chromedriver (Debian: chromium, chromium-driver)"
        if os.environ.get("TRTPERF_X_BROWSER_REQUIRE"):
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    size = "--window-size=1400,1000"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", size):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(chromedriver))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def browse(chromium: Any) -> Callable[[Path], Browser]:
    """Opens a page; the console and the network log are empty before."""

    def browse(page: Path, place: str = "") -> Browser:
        browser = Browser(chromium, page)
        browser.open(place)
        return browser

    return browse


@pytest.fixture(scope="session")
def record(make_run: Callable[..., Any], make_measurement: Callable[..., Any]) -> Any:
    """A run with a failure, odd names, a sweep, a search and a pair."""
    from pytest_trtperf.record.model import (
        AgainstRecord,
        EngineRecord,
        LayerRecord,
        MaxQpsRecord,
        PairRecord,
        SweepRecord,
    )
    from pytest_trtperf.record.verdict import FindingRecord, VerdictRecord

    def verdict(key: str, **changes: Any) -> Any:
        fields: dict[str, Any] = {
            "kind": "budget", "metric": "P99 of latency", "status": "pass", "value": 1.0,
            "reason": "within_limit", "message": f"{key}: it keeps its budget", "limit": 1.5,
        }  # fmt: skip
        return VerdictRecord(**{**fields, **changes})

    plain = make_measurement()
    spread = [0.9 + 0.02 * place for place in range(21)]
    rounds = [
        msgspec.structs.replace(
            round,
            quantiles={
                name: [round.throughput * v / 1e3 for v in spread] for name in plain.summary
            },
            before={"sm_clock_mhz": 1980.0, "temperature_c": 40.0 + number},
            after={"sm_clock_mhz": 1965.0, "temperature_c": 41.0 + number},
        )
        for number, round in enumerate(plain.rounds)
    ]
    aside = msgspec.structs.replace(rounds[0], started=9.0, ended=9.2, disturbances=["power cap"])
    layers = [
        LayerRecord(name=name, median_ms=ms, average_ms=ms, total_ms=ms, share=0.5)
        for name, ms in (("conv", 0.4), (ODD_LAYER, 0.3))
    ]
    failed = make_measurement(
        FAILED,
        level=2.0,
        rounds=rounds,
        set_aside=[aside],
        layers=layers,
        differences=["layer softmax: +0.2 ms, 100% of the change (0.1 ms before)"],
        findings=[FindingRecord(code="disturbed", message="rounds were disturbed")],
        verdicts=[
            verdict(FAILED, status="fail", failed=True, message=f"{FAILED}: it is too slow"),
            verdict(FAILED, kind="baseline", metric="gpu_compute median", baseline=1.0, value=2.0,
                    change=1.0, lower=0.9, upper=1.1, limit=0.05, status="fail", failed=True),
        ],
        against=AgainstRecord(
            runs=1, rounds=5, throughput=900.0, plan="p", recorded="2026-01-01T00:00:00Z",
            quantiles={"latency": [v / 2 for v in spread]}, software={},
            layers={"conv": 0.4, ODD_LAYER: 0.1},
        ),
    )  # fmt: skip
    sweep = [
        make_measurement(f"tests/t.py::test_sweep#batch_size={batch}", level=float(batch),
                         test="tests/t.py::test_sweep",
                         sweep=SweepRecord(name="", variable="batch_size", value=batch))
        for batch in (1, 2, 10)
    ]  # fmt: skip
    odd = [make_measurement(key, verdicts=[verdict(key)]) for key in (SCRIPT, UNICODE, LONG)]
    engine = EngineRecord(name="m", backend="tensorrt", digest="d", plan_sha256="p")
    trials = [{"rate": 100.0 * n, "response_ms": 0.5 * n, "saturated": n > 4} for n in range(1, 6)]
    search = MaxQpsRecord(
        test="tests/t.py::test_rate", key="tests/t.py::test_rate", device="NVIDIA H200",
        engine=engine, shapes={}, mode={}, limit_ms=2.0, rate=400.0, lower=380.0, upper=420.0,
        closed_qps=600.0, trials=trials, findings=[], verdicts=[], message="400 qps",
    )  # fmt: skip
    ratio = {"value": 1.02, "lower": 1.01, "upper": 1.03, "new": 1.02, "reference": 1.0}
    pair = PairRecord(
        test="tests/t.py::test_pair", key="tests/t.py::test_pair", device="NVIDIA H200",
        engines={"new": engine, "reference": engine}, modes={}, blocks=9, findings=[],
        ratios={"median": ratio, "p99": ratio, "throughput": ratio}, message="slower",
        verdicts=[verdict("p", kind="pair", metric="gpu_compute median", limit=0.05)],
    )  # fmt: skip
    return make_run(failed, *odd, *sweep, max_qps=[search], pairs=[pair])


@pytest.fixture(scope="session")
def page(record: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record's page."""
    from pytest_trtperf.report.html.page import write_html

    path = tmp_path_factory.mktemp("browser") / "run.html"
    write_html(path, [record])
    return path


@pytest.fixture
def browser(browse, page):
    browser = browse(page)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() <= {"file", "data", "blob", "about", "chrome"}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
