"""The parser of `trtperf` and its subcommands: what is misspelt is named with what was meant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pytest_trtperf.text import brief, meant, nearest


class Parser(argparse.ArgumentParser):
    """A parser that, as argparse of Python 3.14 can, says which command or option is near."""

    _commands: Any = None

    def add_subparsers(self, **settings: Any) -> Any:
        """Adds commands, whose names are compared with what is typed."""
        self._commands = super().add_subparsers(**settings)
        return self._commands

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parses the words.

        Raises:
            SystemExit: with 2 where one of them is unknown.
        """
        words: Sequence[str] = args or ()
        if self._commands and words and not words[0].startswith("-"):
            known = self._commands.choices
            if words[0] not in known:
                self.error(f"there is no command {brief(words[0])}{meant(words[0], known)}")
        found, others = super().parse_known_args(args, namespace)
        if others:
            self.error(f"unrecognized arguments: {' '.join(others)}{self._meant(others)}")
        return found, others

    def _meant(self, others: Sequence[str]) -> str:
        """The option that is near the first unknown one."""
        unknown = next((one.partition("=")[0][2:] for one in others if one.startswith("--")), "")
        # The dashes, which all have in common, would bring short names near to any.
        known = [one[2:] for one in self._option_string_actions if one.startswith("--")]
        near = nearest(unknown, known)
        return f": did you mean --{near}?" if near else ""
