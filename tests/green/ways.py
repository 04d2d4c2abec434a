"""All ways, by their names. In each the model takes 1.3 times as long as when it was recorded."""

from __future__ import annotations

from tests.green.configuring import CONFIGURING
from tests.green.ending import ENDING
from tests.green.evading import EVADING
from tests.green.interrupting import INTERRUPTING
from tests.green.plugins import PLUGINS
from tests.green.selecting import SELECTING
from tests.green.writing import WRITING

WAYS = {
    f"{group}: {name}": way
    for group, ways in {
        "writing": WRITING,
        "evading": EVADING,
        "selecting": SELECTING,
        "configuring": CONFIGURING,
        "interrupting": INTERRUPTING,
        "ending": ENDING,
        "beside": PLUGINS,
    }.items()
    for name, way in ways.items()
}
