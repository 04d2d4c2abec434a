"""What is known of a session's kernels, from the runtime caches of its contexts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.backend.tensorrt.session_kernels import SessionKernels
from tests.analysis.test_kernel_images import image

TRT = SimpleNamespace(DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER="eager"))
CONV, RELU = image(b"conv"), image(b"relu")


class Cache:
    """A runtime cache of TensorRT for RTX, which holds whole images."""

    def __init__(self):
        self.content = b""

    def deserialize(self, data):
        self.content = data
        return not data.startswith(b"damaged")

    def serialize(self):
        return memoryview(self.content)


class Config:
    """A runtime config of TensorRT for RTX."""

    dynamic_shapes_kernel_specialization_strategy = "lazy"

    def create_runtime_cache(self):
        return Cache()

    def set_runtime_cache(self, cache):
        self.cache = cache


class Engine:
    """An engine whose contexts compile what they need and their cache lacks."""

    def __init__(self, *needed):
        self.needed = needed

    def create_runtime_config(self):
        return Config()

    def create_execution_context(self, config):
        assert config.dynamic_shapes_kernel_specialization_strategy == "eager"
        missing = [one for one in self.needed if one not in config.cache.content]
        config.cache.content = b"".join(missing) + config.cache.content
        return "context"


def described(kernels: SessionKernels) -> Kernels:
    """Those of TensorRT for RTX are always described."""
    assert kernels.described is not None
    return kernels.described


def taken(given: bytes, engine: Engine, contexts: int = 1) -> SessionKernels:
    """The kernels of a session on an engine."""
    kernels = SessionKernels(given)
    for _ in range(contexts):
        context, config, cache = kernels.create_context(TRT, engine)
        assert (context, config.cache) == ("context", cache)
        kernels.take(cache)
    return kernels


@pytest.mark.parametrize("contexts", [1, 2])
def test_kernels_that_were_compiled_are_fresh_and_then_cached(contexts):
    first = taken(b"", Engine(CONV, RELU), contexts)
    assert described(first).state == "fresh"
    again = taken(first.stored, Engine(RELU, CONV), contexts)
    assert described(again).state == "cached"
    digest = described(again).digest
    assert digest == described(first).digest
    assert digest is not None


def test_some_that_were_missing_are_fresh():
    kernels = taken(CONV, Engine(CONV, RELU))
    assert described(kernels).state == "fresh"
    assert described(kernels).digest == described(taken(b"", Engine(RELU, CONV))).digest


def test_each_stage_of_growth_is_known_until_kernels_are_gone():
    first = taken(b"", Engine(CONV))
    second = taken(first.stored, Engine(CONV, RELU))
    one, two = (str(described(session).digest) for session in (first, second))
    assert described(first).stages == (one,)
    assert described(second).stages == (one, two)
    again = taken(second.stored, Engine(RELU))
    assert described(again) == Kernels("cached", two, (one, two))
    assert again.stored == second.stored
    without = SessionKernels(second.stored)
    cache = Cache()
    cache.content = CONV
    without.take(cache)
    assert described(without).stages == (one,)


def test_order_is_not_growth():
    kernels = SessionKernels(CONV + RELU)
    cache = Cache()
    cache.content = RELU + CONV
    kernels.take(cache)
    assert described(kernels).state == "cached"


def test_other_kernels_of_the_same_size_are_fresh():
    kernels = SessionKernels(CONV)
    cache = Cache()
    cache.content = RELU
    kernels.take(cache)
    assert described(kernels).state == "fresh"


@pytest.mark.parametrize(("now", "state"), [(b"xx", "fresh"), (b"y", "cached"), (b"", "cached")])
def test_without_an_image_the_size_decides(now, state):
    kernels = SessionKernels(b"x")
    cache = Cache()
    cache.content = now
    kernels.take(cache)
    assert described(kernels) == Kernels(state)


def test_what_is_refused_is_compiled_anew():
    kernels = taken(b"damaged" + CONV + RELU, Engine(CONV))
    assert kernels.refused
    assert described(kernels).state == "fresh"
    assert kernels.now == CONV
    assert len(described(kernels).stages) == 1
    assert not taken(CONV, Engine(CONV)).refused


@pytest.mark.parametrize(
    "engine",
    [
        SimpleNamespace(create_execution_context=lambda: "context"),
        SimpleNamespace(
            create_runtime_config=SimpleNamespace,
            create_execution_context=lambda config: "context",
        ),
    ],
)
def test_a_runtime_without_a_runtime_cache_has_no_kernels(engine):
    kernels = SessionKernels(b"")
    context, config, cache = kernels.create_context(TRT, engine)
    kernels.take(cache)
    assert (context, config, cache) == ("context", None, None)
    assert kernels.described is None
