"""pytest-trtperf: latency SLOs for TensorRT engines, enforced by pytest.

The public names, which `__init__.pyi` lists, are for annotations, `isinstance` and `pytest.raises`.
Each is imported when it is first used, so that importing this package costs nothing.
"""

from pytest_trtperf.version import VERSION

__version__ = VERSION


def __getattr__(name: str) -> object:
    """A public name, imported now (PEP 562)."""
    from pytest_trtperf.public_names import find

    globals()[name] = value = find(name)
    return value


def __dir__() -> list[str]:
    from pytest_trtperf.public_names import NAMES

    return NAMES
