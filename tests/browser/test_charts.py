"""The charts of the page in a real browser: of a measurement, a sweep, a trend, and of two."""

from __future__ import annotations

import msgspec
import pytest

from tests.browser.browser import FAILED, ODD_LAYER, SCRIPT, UNICODE

SWEEP = [f"tests/t.py::test_sweep#batch_size={batch}" for batch in (1, 2, 10)]
RATE, PAIR = "tests/t.py::test_rate", "tests/t.py::test_pair"


def test_charts_are_drawn(browser):
    panel = browser.open_row(FAILED)
    assert browser.captions(panel) == [
        "latency P99 by round",
        "Changes against the baseline",
        "Distribution of latency",
        "Percentiles of latency against the budget",
        "Layers, change against the baseline",
    ]
    text = browser.js(f"document.querySelector('{panel}').textContent")
    for text_there in (
        "it is too slow", "layer softmax: +0.2 ms", "rounds were disturbed", "baseline",
        "P99 budget 1.5 ms: missed", "set aside", "SM clock, MHz", "temperature, °C", ODD_LAYER,
    ):  # fmt: skip
        assert text_there in text
    names = f"[...document.querySelectorAll('{panel} .plot .ink')].map((one) => one.textContent)"
    assert ODD_LAYER in browser.js(names)
    for number, captions in (
        ("gpu_compute median", ["Distribution of gpu_compute", "baseline 1", "tolerance 5%"]),
        ("throughput", ["throughput by round"]),
    ):
        choose(browser, panel, number)
        text = browser.js(f"document.querySelector('{panel} .charts').textContent")
        for caption in captions:
            assert caption in text


def choose(browser, panel, number):
    """Presses the button of a number, or that of the scale."""
    place = browser.js(
        f"[...document.querySelectorAll('{panel} .metrics button')]"
        ".findIndex((one) => one.textContent === arguments[0])", number,
    )  # fmt: skip
    browser.driver.find_elements("css selector", f"{panel} .metrics button")[place].click()


def test_a_logarithmic_axis(browser):
    panel = browser.open_row(FAILED)
    curve = (
        f"document.querySelectorAll('{panel} figure')[3].querySelector('.series .line').outerHTML"
    )
    before = browser.js(curve)
    choose(browser, panel, "Logarithmic")
    assert browser.js(curve) != before
    choose(browser, panel, "Logarithmic")
    assert browser.js(curve) == before


@pytest.mark.parametrize(
    ("key", "caption"),
    [
        (SWEEP[0], "Sweep over batch size"),
        (RATE, "P99 of response by request rate"),
        (PAIR, "New engine against the reference"),
    ],
)
def test_other_kinds_are_drawn(browser, key, caption):
    assert browser.captions(browser.open_row(key))[-1] == caption


@pytest.mark.parametrize(
    ("variable", "line"),
    [
        ("batch_size", "samples per second,samples per second,2,1000"),
        ("concurrency", '"throughput, qps","throughput, qps",2,500'),
    ],
)
def test_only_batches_have_samples(browse, make_run, make_measurement, tmp_path, variable, line):
    from pytest_trtperf.record.model import SweepRecord
    from pytest_trtperf.report.html.page import write_html

    points = [
        make_measurement(f"t.py::test_s#{variable}={value}", test="t.py::test_s", level=value,
                         sweep=SweepRecord(name="", variable=variable, value=value))
        for value in (1, 2)
    ]  # fmt: skip
    path = tmp_path / "sweep.html"
    write_html(path, [make_run(*points)])
    browser = browse(path)
    row = browser.open_row(f"t.py::test_s#{variable}=2")
    save = """
        window.saved = [];
        URL.createObjectURL = (blob) => { blob.text().then((text) => saved.push(text)); return "" };
        HTMLAnchorElement.prototype.click = () => {};
    """
    browser.driver.execute_script(save)
    browser.click(f"{row} figure:last-child .tools button:last-child")
    browser.until("window.saved.length === 1")
    assert line in browser.js("window.saved[0]").splitlines()
    assert browser.complaints() == []


def test_charts_are_saved(browser):
    panel = browser.open_row(FAILED)
    saved = """
        window.saved = [];
        HTMLAnchorElement.prototype.click = function () {
          window.saved.push([this.download, this.href.slice(0, 5)]);
        };
    """
    browser.driver.execute_script(saved)
    for place in (2, 3, 4):
        browser.click(f"{panel} figure .tools button:nth-of-type({place})")
    browser.until("window.saved.length === 3")
    names = sorted(name for name, address in browser.js("window.saved") if address == "blob:")
    assert [name.rpartition(".")[2] for name in names] == ["csv", "png", "svg"]
    assert all(name.startswith("tests-t.py-test_slower-latency-P99-by-round") for name in names)


def test_trend(browse, make_run, make_measurement, tmp_path):
    import numpy as np

    from pytest_trtperf.analysis.gates import Gate
    from pytest_trtperf.judge.fleet import judge_fleet
    from pytest_trtperf.record.history import History, Night, Series
    from pytest_trtperf.record.origin import CiRecord
    from pytest_trtperf.report.html.page import write_html

    dates = [f"2026-0{1 + n // 28}-{1 + n % 28:02}" for n in range(60)]
    # A night goes by the date of its evening.
    mornings = [*dates[1:], "2026-03-05"]
    nights = [Night(f"{morning}T02:00:00Z", f"{n}.json", f"c0ffee{n:02}", date)
              for n, (date, morning) in enumerate(zip(dates, mornings, strict=True))]  # fmt: skip
    values = [(1.2 if n >= 45 else 1.0) + 0.001 * (n % 5) for n in range(60)]
    gate = Gate("latency", "median", 0.05)
    changed = [msgspec.structs.replace(one, software={"driver": "570" if n < 20 else "580"})
               for n, one in enumerate(nights)]  # fmt: skip
    series = [
        Series("nvidia-h200", "tensorrt", key, gate, those, np.array(numbers, dtype=float), host)
        for key, numbers, host, those in (
            (SCRIPT, values, "lab1", changed), (SCRIPT, [1.0] * 60, "lab2", nights),
            (UNICODE, [1.0, None] * 30, None, nights),
        )
    ]  # fmt: skip
    path = tmp_path / "trend.html"
    fleet = judge_fleet(History(series=series, last_night=dates[-1]))
    trends = list(zip(fleet.series, fleet.trends, strict=True))
    ((change,), *_) = (trend.changes for _, trend in trends)
    job = CiRecord(provider="GitHub", job_url="https://github.com/a/b/actions/runs/7")
    run = make_run(make_measurement(SCRIPT), ci=job)
    write_html(path, [run], trends, ["1 alarm"], fleet.alarms)
    browser = browse(path)
    name = browser.row(SCRIPT)
    browser.open(f"#{name}")
    browser.until("document.querySelector('.details')?.dataset.drawn === 'true'")
    panel = f"#{name} + .details"
    assert browser.visible("trends") == [SCRIPT, UNICODE]
    assert browser.captions(panel) == ["Over the nights"]
    text = browser.js(f"document.querySelector('{panel}').textContent")
    assert f"{change.night.date} +19." in text
    assert change.night.created[:10] not in text
    assert f"first in {change.night.record} of {change.night.commit}" in text
    pages = {f"https://github.com/a/b/commit/{change.night.commit}"}
    for at in (f"#{name}", f"{panel} .remarks"):
        links = browser.js(f"[...document.querySelectorAll('{at} a')].map((one) => one.href)")
        assert pages <= set(links)
    line = f"document.querySelector('{panel} .series .line:not(.wide)').outerHTML"
    before = browser.js(line)
    browser.click(f"{panel} .metrics button")
    assert browser.js(line) != before
    for there in ("lab1", "lab2", "driver 570 → 580", "latency median, ms"):
        assert there in text
    # A line for each host at a glance, and the night of the alarm.
    spark = f"document.querySelector('#{name} .spark')"
    assert browser.js(
        f"[{spark}.querySelectorAll('path').length, {spark}.querySelectorAll('line').length]"
    ) == [2, 1]
    # The alarm, the row, its measurement and back.
    browser.click("#alarms a")
    browser.until(f"document.activeElement.closest('tr')?.id === '{name}'")
    browser.click(f"{panel} .links a")
    browser.until("document.querySelector('#measurements .details')?.dataset.drawn === 'true'")
    browser.click("#measurements .details .links a")
    browser.until(f"document.activeElement.closest('tr')?.id === '{name}'")
    # Each table filters for itself.
    browser.click("#trends [data-state=alarm]")
    assert browser.visible("trends") == [SCRIPT]
    assert browser.visible() == [SCRIPT]
    compare(browser)
    chosen = "[...document.querySelectorAll('#compare select')]"
    names = browser.js(
        f"{chosen}.map((one) => one.selectedOptions[0].text.split(', ').slice(0, 3))"
    )
    # The newest night of a host, and the one before it of the same.
    assert [name[0] for name in names] == dates[-2:]
    assert names[0][1:] == names[1][1:]
    assert browser.js("document.querySelectorAll('#compare tbody tr').length") >= 1
    assert browser.js("window.hit") is None
    assert browser.complaints() == []


def compare(browser, *keys):
    browser.click("#compare summary")
    browser.until("document.querySelector('#compare .result')?.childElementCount > 0")
    for name, key in zip("AB", keys, strict=False):
        options = browser.driver.find_elements("css selector", f"[aria-label={name}] option")
        next(one for one in options if one.text == key).click()


def test_two_measurements_side_by_side(browser):
    compare(browser, SWEEP[1], SWEEP[2])
    found = "[...document.querySelectorAll('#compare tbody tr')].map((one) => one.textContent)"
    less = "-80.0%"
    rows = browser.js(found)
    assert all("+400.0%" in row for row in rows if "throughput" not in row)
    assert any("throughput" in row and less in row for row in rows)
    assert browser.captions("#compare") == ["Distribution of latency, A and B"]
    heads = "[...document.querySelectorAll('#compare th[scope=col]')].map((one) => one.textContent)"
    assert browser.js(heads) == ["Number", "A", "B", "Change"]
    names = "[...document.querySelectorAll('#compare th[scope=row]')].map((one) => one.textContent)"
    assert len(set(browser.js(names))) == len(rows)
    browser.click("#compare .sides > button")
    assert all(less in row for row in browser.js(found) if "throughput" not in row)


def test_charts_keep_the_width_of_their_place(browser):
    panel = browser.open_row(FAILED)
    compare(browser, SWEEP[1], SWEEP[2])
    places = [f"document.querySelector('{at} figure .plot')" for at in (panel, "#compare")]
    before = [browser.js(f"{place}.viewBox.baseVal.width") for place in places]
    size = {"width": 800, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        for place, width in zip(places, before, strict=True):
            browser.until(f"{place}.viewBox.baseVal.width < {width}")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_test_under_all_its_parameters(browse, make_run, make_measurement, tmp_path):
    from pytest_trtperf.report.html.page import write_html

    levels = {"2": 1.0, "16-fp32": 3.0, "1": 0.5}
    measured = [make_measurement(f"t.py::test_a[{one}]", level=ms) for one, ms in levels.items()]
    others = [make_measurement(key, level=1.0) for key in ("t.py::test_b[2]", "t.py::test_c")]
    path = tmp_path / "run.html"
    write_html(path, [make_run(*measured, *others), make_run(make_measurement("t.py::test_a[4]"))])
    browser = browse(path)
    panel = browser.open_row("t.py::test_a[2]")
    assert "latency under all parameters of the test" in browser.captions(panel)
    figure = f"[...document.querySelectorAll('{panel} figure')].at(-1)"
    found = browser.js(f"[...{figure}.querySelectorAll('.ink')].map((one) => one.textContent)")
    assert found == ["1", "0.5 ms, 1x", "2", "1 ms, 2x", "16-fp32", "3 ms, 6x"]
    browser.driver.execute_script(f"document.querySelector('{panel} details').open = true")
    browser.click(f"{panel} details a")
    row = browser.row("t.py::test_a[1]")
    browser.until(f"document.querySelector('#{row} + .details')?.dataset.drawn === 'true'")
    for key in ("t.py::test_b[2]", "t.py::test_c"):
        assert "all parameters" not in " ".join(browser.captions(browser.open_row(key)))
    assert browser.complaints() == []
