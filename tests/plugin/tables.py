"""A table of three models, and how tests write it and others."""

from __future__ import annotations

TABLE = """
    [defaults]
    owner = "vision"

    [net]
    onnx = "models/net.onnx"
    dims = { n = [1, 8, 64] }
    measure = [{ n = 64, p99_ms = { "Fake*" = 99 }, qps = 1 }, { n = 8, marks = ["nightly"] }]

    [zoo]
    onnx = "zoo/*.onnx"
    dims = { n = 4 }
"""


def write(project, text, name="models.slo.toml"):
    """Writes a table."""
    lines = [line.strip() + "\n" for line in text.splitlines()]
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))
