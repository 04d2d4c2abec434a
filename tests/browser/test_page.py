"""The page in a real browser: it draws, sorts, filters, obeys keys, and stays silent."""

from __future__ import annotations

import msgspec
import pytest

from tests.browser.browser import FAILED, LONG, ODD_LAYER, SCRIPT, UNICODE

SWEEP = [f"tests/t.py::test_sweep#batch_size={batch}" for batch in (1, 2, 10)]
RATE, PAIR = "tests/t.py::test_rate", "tests/t.py::test_pair"


@pytest.fixture
def browser(browse, page):
    browser = browse(page)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() <= {"file", "data", "blob", "about", "chrome"}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


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


@pytest.mark.parametrize("key", [SCRIPT, UNICODE, LONG], ids=["script", "unicode", "long"])
def test_odd_names_are_inert_and_whole(browser, key):
    panel = browser.open_row(key)
    assert browser.captions(panel)
    assert browser.js(f"document.querySelector('{panel} .key').textContent") == key
    assert browser.js("window.hit") is None
    assert browser.js("document.body.scrollWidth <= document.documentElement.clientWidth")


def test_filter(browser):
    from selenium.webdriver.common.keys import Keys

    everything = browser.visible()
    assert len(everything) == 9
    browser.click("#measurements .filter")
    browser.keys("SWEEP size=1")
    assert browser.visible() == [SWEEP[0], SWEEP[2]]
    assert browser.js("document.querySelector('.shown').textContent") == "2 of 9 shown"
    browser.keys(Keys.CONTROL + "a", Keys.DELETE)
    assert browser.visible() == everything
    browser.click("#measurements [data-state=fail]")
    assert browser.visible() == [FAILED]
    browser.click("#measurements [data-state=pass]")
    assert browser.visible() == [FAILED, PAIR, SCRIPT, UNICODE, LONG]


def test_sort(browser):
    def sort(column: int) -> list[str]:
        browser.click(f"#measurements thead th:nth-child({column}) button")
        rows: list[str] = browser.visible()
        return rows

    names = sort(2)
    assert [names.index(key) for key in SWEEP] == sorted(names.index(key) for key in SWEEP)
    ascending, descending = sort(3), sort(3)
    assert ascending[-3] == descending[0] == SWEEP[2]
    assert set(descending[1:3]) == {FAILED, SWEEP[1]}
    # What has no median is last either way.
    assert set(ascending[-2:]) == set(descending[-2:]) == {RATE, PAIR}
    sorts = "[...document.querySelectorAll('#measurements th')].map((one) => one.ariaSort)"
    assert browser.js(f"{sorts}.filter((one) => one && one !== 'none')") == ["descending"]


def test_an_open_row_moves_and_hides_with_its_test(browser):
    panel = browser.open_row(SWEEP[2])
    browser.click("#measurements thead th:nth-child(3) button")
    browser.click("#measurements thead th:nth-child(3) button")
    assert browser.visible()[0] == SWEEP[2]
    assert browser.js(f"document.querySelector('{panel}').offsetParent !== null")
    browser.click("#measurements [data-state=fail]")
    assert browser.js(f"document.querySelector('{panel}').offsetParent === null")


def test_keyboard(browser):
    from selenium.webdriver.common.keys import Keys

    focused = "document.activeElement.closest('tr')?.dataset.key"
    browser.keys(Keys.TAB)
    assert browser.js("document.activeElement.className") == "skip"
    browser.keys(Keys.ENTER)
    assert browser.js("document.activeElement.id") == "measurements"
    browser.keys("/")
    assert browser.js("document.activeElement.className") == "filter"
    rows = browser.visible()
    browser.js(f"document.querySelector('#{browser.row(rows[0])} .toggle').focus()")
    browser.keys(Keys.ARROW_DOWN)
    assert browser.js(focused) == rows[1]
    browser.keys(Keys.END)
    assert browser.js(focused) == rows[-1]
    browser.keys(Keys.HOME, Keys.ENTER)
    name = browser.row(rows[0])
    browser.until(f"document.querySelector('#{name} + .details')?.dataset.drawn === 'true'")
    assert browser.js("document.activeElement.ariaExpanded") == "true"
    browser.keys(Keys.ENTER)
    assert browser.js("document.querySelector('.details')") is None
    # One stop of the Tab key for the whole table.
    assert browser.js("document.querySelectorAll('.toggle[tabindex=\"0\"]').length") == 1


def test_a_link_opens_its_row(browser):
    browser.click("#failures a")
    browser.until("document.querySelector('.details')?.dataset.drawn === 'true'")
    assert browser.js("document.activeElement.closest('tr').dataset.key") == FAILED


def test_the_forest_leads_to_its_tests(browser):
    from selenium.webdriver.common.keys import Keys

    names = "[...document.querySelectorAll('.forest .name')].map((one) => one.textContent)"
    # The slowest first; what was compared with nothing is not there.
    assert browser.js(names) == ["test_slower", "test_pair pair"]
    places = "[...document.querySelectorAll('.forest .value')].map((one) => one.cx.baseVal.value)"
    slower, level = browser.js(places)
    assert slower > level
    # +100 % is off a scale for a tolerance of 5 %.
    assert browser.js("[...document.querySelectorAll('.forest .beyond')].length") == 1
    browser.js("document.querySelector('.forest a').focus()")
    browser.keys(Keys.ENTER)
    browser.until("document.querySelector('.details')?.dataset.drawn === 'true'")
    assert browser.js("document.activeElement.closest('tr').dataset.key") == FAILED


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


def test_dark(browser):
    back = "getComputedStyle(document.body).backgroundColor"
    line = "getComputedStyle(document.querySelector('.panel .plot .c-now .line')).stroke"
    browser.open_row(FAILED)
    light = browser.js(back), browser.js(line)
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.until(f"{line} !== '{light[1]}'")
    assert browser.js(back) != light[0]
    # Paper is white all the same.
    browser.js("window.dispatchEvent(new Event('beforeprint'))")
    assert browser.js(line) == light[1]
    browser.js("window.dispatchEvent(new Event('afterprint'))")
    assert browser.js(line) != light[1]


def test_print_has_a_sheet_for_each_opened_test(browser):
    panels = [browser.open_row(key) for key in (FAILED, RATE)]
    browser.js("window.dispatchEvent(new Event('beforeprint'))")
    keys = "[...document.querySelectorAll('.sheet .key')].map((one) => one.textContent)"
    assert browser.js(keys) == [FAILED, RATE]
    heights = "[...document.querySelectorAll('.sheet')].map((one) => one.getBoundingClientRect())"
    for sheet in browser.js(f"{heights}.map((one) => [one.width, one.height])"):
        assert 680 <= sheet[0] <= 691
        assert sheet[1] <= 970  # of a letter, with its margins
    browser.js("window.dispatchEvent(new Event('afterprint'))")
    assert browser.js("document.querySelector('.sheet')") is None
    assert all(browser.captions(panel) for panel in panels)


def test_a_phone_has_cards(browser):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        panel = browser.open_row(FAILED)
        assert browser.captions(panel)
        assert browser.js("document.documentElement.scrollWidth") == 390
        row = f"document.getElementById('{browser.row(FAILED)}')"
        assert browser.js(f"getComputedStyle({row}).display") == "grid"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_texts_have_contrast(browser):
    """WCAG's 4.5 to 1, of every kind of text against what is behind it, light and dark."""
    browser.open_row(FAILED)
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        found = browser.driver.execute_script(CONTRASTS)
        assert len(found) > 20
        assert {name: ratio for name, ratio in found.items() if ratio < 4.5} == {}


CONTRASTS = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (text) => {
  const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = rgb(text).map((v) => linear(v / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (node) => {
  const color = getComputedStyle(node).backgroundColor;
  return rgb(color)[3] === 0 && node.parentElement ? behind(node.parentElement) : color;
};
const found = {};
for (const node of document.querySelectorAll("body *")) {
  const isText = (child) => child.nodeType === 3 && child.textContent.trim();
  const own = [...node.childNodes].some(isText);
  if (!own || !node.offsetParent || ["SCRIPT", "NOSCRIPT"].includes(node.tagName)) continue;
  const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
  const name = `${node.tagName}.${node.className}`;
  found[name] = Math.min(found[name] ?? 99, (a + 0.05) / (b + 0.05));
}
return found;
"""


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


def test_an_empty_page_is_silent(browse, make_run, tmp_path):
    from pytest_trtperf.report.html.page import write_html

    path = tmp_path / "empty.html"
    write_html(path, [msgspec.structs.replace(make_run(), measurements=[], exit_status=5)])
    browser = browse(path)
    assert browser.js("document.querySelector('.verdict').textContent") == "Nothing was measured"
    assert not browser.js("[...document.querySelectorAll('main button')].length")
    assert browser.complaints() == []


def test_a_damaged_page_says_what_it_needs(browse, page, tmp_path):
    damaged = tmp_path / "damaged.html"
    begin, mark, packed = page.read_text(encoding="utf-8").partition('id="details">')
    damaged.write_text(begin + mark + packed[:80] + "A" * 80 + packed[160:], encoding="utf-8")
    browser = browse(damaged)
    browser.click("#measurements .toggle")
    browser.until("document.querySelector('.details .trouble')")
    text = browser.js("document.querySelector('.details .trouble').textContent")
    assert "the whole file" in text
    assert len(browser.complaints()) == 1


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


def test_all_that_is_shown_is_opened_and_closed(browser):
    opened = "document.querySelectorAll('.details[data-drawn=true]').length"
    browser.click("#measurements [data-state=pass]")
    browser.click("#measurements .open-all")
    browser.until(f"{opened} === 4")
    browser.click("#measurements .close-all")
    assert browser.js("document.querySelectorAll('.details').length") == 0


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


def test_tests_with_what_they_printed(browse, make_run, make_measurement, tmp_path):
    from pytest_trtperf.record.item import ItemRecord
    from pytest_trtperf.report.html.page import write_html

    items = {
        "t.py::test_a": ItemRecord(test="t.py::test_a", key="t.py::test_a", outcome="passed",
                                   seconds={"setup": 0.25, "call": 2.0}),
        "t.py::test_b": ItemRecord(test="t.py::test_b", key="t.py::test_b", outcome="failed",
                                   line=7, reason="BuildError: no", seconds={"call": 1.0},
                                   output="def test_b():\n<script>window.hit=1</script>"),
        "t.py::test_c": ItemRecord(test="t.py::test_c", key="t.py::test_c", outcome="skipped",
                                   reason="needs fp16"),
    }  # fmt: skip
    path = tmp_path / "run.html"
    write_html(path, [make_run(make_measurement("t.py::test_a"), tests=list(items.values()))])
    browser = browse(path)
    assert not browser.js("document.querySelector('#tests details').open")
    # The failure leads to its test, folded or not.
    browser.click("#failures a")
    browser.until("document.querySelector('#tests .details')?.dataset.drawn === 'true'")
    assert browser.visible("tests") == ["t.py::test_b", "t.py::test_c", "t.py::test_a"]
    shown = browser.js("document.querySelector('#tests .output').textContent")
    assert shown == items["t.py::test_b"].output
    browser.click("#tests [data-state=skipped]")
    assert browser.visible("tests") == ["t.py::test_c"]
    assert "needs fp16" in browser.js("document.querySelector('#tests tbody').innerText")
    # A test leads to what it measured.
    browser.click("#tests [data-state=skipped]")
    browser.click("#tests [data-key$=test_a] .toggle")
    link = "document.querySelector('#tests [data-key$=test_a] + .details .remarks a')"
    browser.until(f"{link} !== null")
    assert browser.js(f"{link}.hash") == f"#{browser.row('t.py::test_a')}"
    assert browser.js("window.hit") is None
    assert browser.complaints() == []
