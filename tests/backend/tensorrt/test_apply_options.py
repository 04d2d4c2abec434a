"""What reaches TensorRT, read back from the real objects of TensorRT for RTX."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_trtperf.backend.tensorrt.apply_options import apply_options, apply_to_network
from pytest_trtperf.backend.tensorrt.bindings import shared_logger
from pytest_trtperf.engine.options import OPTIONS, checked_options
from pytest_trtperf.errors import EngineBuildError
from tests.test_engines_doc import rows

trt = pytest.importorskip("tensorrt_rtx")

RTX = "tensorrt-rtx"
APPLIED_ELSEWHERE = frozenset(
    ("strongly_typed", "plugins", "timing_cache", "configure_key", "allowed_formats", "dtype")
)
LINEAR, HWC = (1 << int(getattr(trt.TensorFormat, name)) for name in ("LINEAR", "HWC"))


@pytest.fixture
def builder():
    return trt.Builder(shared_logger(trt))


@pytest.fixture
def config(builder):
    return builder.create_builder_config()


@pytest.fixture
def network(builder):
    """With inputs `x` and `z` and an output `y`."""
    network = builder.create_network(0)
    x = network.add_input("x", trt.float32, (1, 8, 4, 4))
    network.add_input("z", trt.float32, (1, 8, 4, 4))
    y = network.add_identity(x).get_output(0)
    y.name = "y"
    network.mark_output(y)
    return network


def apply(config, **options):
    apply_options(trt, config, checked_options(options), RTX)


class Watched:
    """A builder configuration, and the names of it that were used."""

    def __init__(self, config):
        vars(self).update(config=config, used=set())

    def __getattr__(self, name):
        self.used.add(name)
        return getattr(self.config, name)

    def __setattr__(self, name, value):
        self.used.add(name)
        setattr(self.config, name, value)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_every_option_is_applied_here_or_known_to_be_elsewhere(config, row):
    option, watched = OPTIONS[row.name], Watched(config)
    try:
        apply(watched, **{row.name: row.value})
    except EngineBuildError as refused:
        assert RTX not in option.versions, refused  # noqa: PT017
        return
    owner, _, name = option.api.rpartition(".")
    if option.kind == "load" or row.name in APPLIED_ELSEWHERE:
        assert not watched.used
    elif owner == "BuilderFlag":
        assert watched.used == {"set_flag" if row.value else "clear_flag"}
    else:
        assert name in watched.used


class Deaf:
    """A builder configuration that takes nothing, and logs nothing either."""

    builder_optimization_level = property(lambda _: 3, lambda _, __: None)
    num_compute_capabilities = 0

    def get_tactic_sources(self):
        return 0

    def set_tactic_sources(self, _sources):
        return False

    def set_compute_capability(self, _capability, _index):
        return False


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("builder_optimization_level", 2, "=2: TensorRT makes 3 of it"),
        ("tactic_sources", {"jit_convolutions": True}, ": TensorRT refuses .*JIT_CONVOLUTIONS"),
        ("compute_capabilities", ["sm89"], ": TensorRT refuses SM89"),
    ],
)
def test_a_value_that_is_refused_without_a_message_is_reported(name, value, complaint):
    with pytest.raises(EngineBuildError, match=f"build option {name}{complaint}"):
        apply(Deaf(), **{name: value})


@pytest.mark.parametrize("is_on", [True, False])
@pytest.mark.parametrize("name", [o.name for o in OPTIONS.values() if o.kind == "flag"])
def test_a_flag_is_set_or_cleared(config, name, is_on):
    flag = getattr(trt.BuilderFlag, name.upper(), None)
    if flag is None:
        pytest.skip("this release has no such flag")
    config.set_flag(trt.BuilderFlag.VERSION_COMPATIBLE)  # without it lean cannot be excluded
    (config.clear_flag if is_on else config.set_flag)(flag)
    apply(config, **{name: is_on})
    assert config.get_flag(flag) == is_on


def test_numbers_and_members_are_set(config):
    apply(config, builder_optimization_level=2, profiling_verbosity="detailed", max_aux_streams=3)
    assert config.builder_optimization_level == 2
    assert config.max_aux_streams == 3
    assert config.profiling_verbosity == trt.ProfilingVerbosity.DETAILED


def test_memory_pools_are_in_mib(config):
    apply(config, memory_pool_limit_mib={"workspace": 16, "tactic_shared_memory": 0.25})
    pools = trt.MemoryPoolType
    assert config.get_memory_pool_limit(pools.WORKSPACE) == 16 << 20
    assert config.get_memory_pool_limit(pools.TACTIC_SHARED_MEMORY) == 1 << 18


def test_tactic_sources_are_switched_one_by_one(config):
    edge = 1 << int(trt.TacticSource.EDGE_MASK_CONVOLUTIONS)
    jit = 1 << int(trt.TacticSource.JIT_CONVOLUTIONS)
    config.set_tactic_sources(edge)
    apply(config, tactic_sources={"jit_convolutions": True})
    assert config.get_tactic_sources() == edge | jit
    apply(config, tactic_sources={"edge_mask_convolutions": False})
    assert config.get_tactic_sources() == jit


@pytest.mark.parametrize("is_on", [True, False])
def test_preview_features_are_switched(config, is_on):
    feature = trt.PreviewFeature.ALIASED_PLUGIN_IO_10_03
    config.set_preview_feature(feature, not is_on)
    apply(config, preview_features={"aliased_plugin_io_10_03": is_on})
    assert config.get_preview_feature(feature) == is_on


def test_compute_capabilities_keep_their_order(config):
    apply(config, compute_capabilities=["sm120", "sm89"])
    found = [config.get_compute_capability(i) for i in range(config.num_compute_capabilities)]
    assert found == [trt.ComputeCapability.SM120, trt.ComputeCapability.SM89]


def test_layers_are_put_on_the_dla(config):
    with pytest.raises(EngineBuildError, match="DLA_core=0: this device has no such core"):
        apply(config, DLA_core=0)
    assert config.default_device_type == trt.DeviceType.DLA


def test_a_core_of_the_dla_is_chosen():
    config = SimpleNamespace(default_device_type=None, DLA_core=-1)  # RTX's own has no cores
    apply(config, DLA_core=1)
    assert config.DLA_core == 1


def set_on(network, options):
    apply_to_network(trt, network, checked_options(options))


def test_formats_are_set_for_each_tensor(network):
    formats = {"x": "hwc", "y": ["linear", "hwc", "linear"]}
    set_on(network, {"allowed_formats": formats})
    x, z, y = network.get_input(0), network.get_input(1), network.get_output(0)
    assert (x.allowed_formats, y.allowed_formats) == (HWC, LINEAR | HWC)
    assert z.allowed_formats > LINEAR | HWC


@pytest.mark.skipif(not hasattr(trt.BuilderFlag, "FP16"), reason="no types can be set")
def test_types_are_set_for_the_tensors_that_are_named(network):
    set_on(network, {"dtype": {"x": "half", "z": "int8"}})
    x, z = network.get_input(0), network.get_input(1)
    assert (x.dtype, z.dtype) == (trt.DataType.HALF, trt.DataType.INT8)
    set_on(network, {"dtype": {"z": "int32"}})
    assert (x.dtype, z.dtype) == (trt.DataType.HALF, trt.DataType.INT32)


@pytest.mark.skipif(not hasattr(trt.BuilderFlag, "FP16"), reason="no types can be set")
def test_type_that_is_refused_by_a_message_is_no_type(network):
    with pytest.raises(EngineBuildError, match=r"dtype=\{'y': 'HALF'\}: TensorRT refuses it"):
        set_on(network, {"dtype": {"y": "half"}})
