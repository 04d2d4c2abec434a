"""What the tests do with a page, and the tests that it is about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCRIPT = "tests/t.py::test_odd[<script>window.hit=1</script>]"
UNICODE = "tests/t.py::test_ü[日本-🚀]"
LONG = f"tests/t.py::test_long[{'x' * 5000}]"
FAILED = "tests/t.py::test_slower"
ODD_LAYER = "softmax <b>1</b> %{x}"


class Browser:
    """The opened page."""

    def __init__(self, driver: Any, page: Path) -> None:
        self.driver, self.page = driver, page

    def open(self, place: str = "") -> None:
        """Loads the page anew."""
        self.driver.get("about:blank")
        self.driver.get(self.page.as_uri() + place)

    def js(self, code: str, *arguments: Any) -> Any:
        """What an expression is in the page."""
        return self.driver.execute_script(f"return {code}", *arguments)

    def until(self, code: str) -> None:
        """Waits until an expression holds."""
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.driver, 60, poll_frequency=0.02)
        wait.until(lambda _: self.js(code), f"never: {code}")

    def click(self, selector: str) -> None:
        """Clicks the first that fits."""
        self.driver.find_element("css selector", selector).click()

    def keys(self, *keys: str) -> None:
        """Presses keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def row(self, key: str) -> str:
        """The id of the row of a test."""
        found = self.js("[...document.querySelectorAll('tr.row')].find("
                        "(row) => row.dataset.key === arguments[0]).id", key)  # fmt: skip
        return str(found)

    def open_row(self, key: str) -> str:
        """Opens a row and waits for its charts; returns the selector of its panel."""
        name = self.row(key)
        self.click(f"#{name} .toggle")
        self.until(f"document.querySelector('#{name} + .details')?.dataset.drawn === 'true'")
        return f"#{name} + .details"

    def visible(self, table: str = "measurements") -> list[str]:
        """The keys of the rows that are shown, in order."""
        rows: list[str] = self.js(
            f"[...document.querySelectorAll('#{table} tr.row')]"
            ".filter((row) => row.offsetParent !== null).map((row) => row.dataset.key)"
        )
        return rows

    def captions(self, panel: str) -> list[str]:
        """The captions of the charts that have something drawn."""
        found: list[str] = self.js(
            f"[...document.querySelectorAll('{panel} figure')].filter((one) => "
            "one.querySelector('.series .line, .series .dot'))"
            ".map((one) => one.querySelector('figcaption').firstChild.textContent)"
        )
        return found

    def complaints(self) -> list[str]:
        """What the console had to say since it was last asked."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> set[str]:
        """The schemes of everything that was asked for since it was last asked."""
        events = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        urls = [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]
        return {url.partition(":")[0] for url in urls}
