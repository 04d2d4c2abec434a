"""What the declaration of an option holds."""

from __future__ import annotations

from typing import Any


class Option:
    """One option, with its names in each place where it is given.

    Attributes:
        name: the attribute of `Settings`.
        kind: what its values are; `values.PARSERS` has the parser.
        default: its value where it is not given.
        help: what the command line's help says of it.
        metavar: what stands for a value in the help; a switch has none.
        describes: whether it only says what a test is, and changes no number and no verdict.
        ini: the type of its value in a configuration file, which text may stand for.
        key: the option in the ini file; also what pytest calls the value of the flag.
        flag: the option on the command line.
        variable: the option in the environment.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        default: Any,
        help: str,
        *,
        metavar: str | None = None,
        describes: bool = False,
        ini: type | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.metavar = metavar
        self.describes = describes
        self.ini = ini or (type(default) if isinstance(default, (int, float)) else str)
        self.key = "trtperf" if name == "enabled" else f"trtperf_{name}"
        self.flag = "--" + self.key.replace("_", "-")
        self.variable = self.key.upper()
