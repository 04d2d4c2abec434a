"""What one option is: its default, its parser, and its names in each place where it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Option:
    """One option as it is declared; as a class attribute of `Settings`, its default.

    Attributes:
        name: the attribute's.
        parse: makes the value of text or of a Python value, or raises a ValueError.
        per_measurement: whether marks and calls take it, too.
        ini: the type of its value in a configuration file, which text may stand for.
    """

    name: str

    def __init__(
        self,
        default: Any,
        parse: Callable[[object], Any],
        help: str,
        *,
        metavar: str | None = None,
        per_measurement: bool = False,
        ini: type | None = None,
    ) -> None:
        self.default, self.parse, self.help = default, parse, help
        self.metavar, self.per_measurement = metavar, per_measurement
        is_typed = isinstance(default, (bool, int, float))
        self.ini: type = ini or (type(default) if is_typed else str)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, settings: object | None, owner: type) -> Any:
        return self if settings is None else self.default

    @property
    def flag(self) -> str:
        """The option on the command line."""
        suffix = "" if self.name == "enabled" else "-" + self.name.replace("_", "-")
        return f"--trtperf{suffix}"

    @property
    def key(self) -> str:
        """The option in the ini file; also what pytest calls the value of the flag."""
        return self.flag[2:].replace("-", "_")

    @property
    def variable(self) -> str:
        """The option in the environment."""
        return self.key.upper()
