"""The kernels that TensorRT for RTX compiles for a session, in its runtime cache."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from pytest_trtperf.analysis.kernel_images import kernel_images, kernels_digest
from pytest_trtperf.backend.session import Kernels
from pytest_trtperf.backend.tensorrt.stored_kernels import with_stages, without_stages


class SessionKernels:
    """The kernels of a session, whose contexts each get those of the one before.

    Another runtime has no runtime cache, and there is nothing here.

    Args:
        stored: what the first context gets, see `stored`; empty for nothing.

    Attributes:
        now: the serialised runtime cache of the latest context; what was given before the first.
        refused: whether what was given was of no use: damaged, of another driver or plan. Kernels
            are compiled then as without it.
    """

    def __init__(self, stored: bytes) -> None:
        self._given, self._stages = without_stages(stored)
        self.now, self.refused, self._has_cache = self._given, False, False

    def create_context(self, trt: Any, engine: Any) -> tuple[Any, Any, Any]:
        """A context, its runtime config and the runtime cache that its kernels go into.

        The caller keeps the config as long as the context, which reads it again when it changes
        profiles. Without a runtime cache both are None. The context is None if out of memory.
        """
        if not hasattr(engine, "create_runtime_config"):
            return engine.create_execution_context(), None, None
        # A second context made with the same runtime config gets unspecialised, slow kernels.
        config = engine.create_runtime_config()
        if not hasattr(config, "create_runtime_cache"):
            return engine.create_execution_context(config), None, None
        # LAZY would run, and capture into a graph, slow fallback kernels while others compile.
        strategies = trt.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        cache = config.create_runtime_cache()
        if self.now and not cache.deserialize(self.now):
            # What it took of them may be anything: the next one is empty.
            self.now, self._given, self._stages, self.refused = b"", b"", [], True
            cache = config.create_runtime_cache()
        config.set_runtime_cache(cache)
        return engine.create_execution_context(config), config, cache

    def take(self, cache: Any) -> None:
        """Takes what a context's runtime cache holds after its first query."""
        if cache is not None:
            self.now, self._has_cache = bytes(cache.serialize()), True

    @property
    def stored(self) -> bytes:
        """What sessions to come are given: the kernels, and the digests of their stages."""
        described = self.described
        return with_stages(self.now, described.stages if described else ())

    @cached_property
    def described(self) -> Kernels | None:
        """Their state and digest, asked for when all contexts are there; None without any.

        The size of a runtime cache does not depend on its order, so a larger one has more kernels.
        """
        if not self._has_cache:
            return None
        images, given = kernel_images(self.now), kernel_images(self._given)
        has_new = len(self.now) > len(self._given) or not set(images) <= set(given)
        digest = kernels_digest(images)
        stages = [one for one in self._stages if one != digest] if set(given) <= set(images) else []
        return Kernels(
            "fresh" if has_new else "cached", digest, stages=(*stages, digest) if digest else ()
        )
