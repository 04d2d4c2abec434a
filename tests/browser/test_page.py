"""The page in a real browser: it sorts, filters, obeys keys, and stays silent."""

from __future__ import annotations

import msgspec
import pytest

from tests.browser.browser import FAILED, LONG, SCRIPT, UNICODE

SWEEP = [f"tests/t.py::test_sweep#batch_size={batch}" for batch in (1, 2, 10)]
RATE, PAIR = "tests/t.py::test_rate", "tests/t.py::test_pair"


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


def test_all_that_is_shown_is_opened_and_closed(browser):
    opened = "document.querySelectorAll('.details[data-drawn=true]').length"
    browser.click("#measurements [data-state=pass]")
    browser.click("#measurements .open-all")
    browser.until(f"{opened} === 4")
    browser.click("#measurements .close-all")
    assert browser.js("document.querySelectorAll('.details').length") == 0


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
