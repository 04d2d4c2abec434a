"""trtexec's arguments that `trt_engine` does not take, and what to do instead."""

from __future__ import annotations

from collections.abc import Mapping

_BY_REASON: Mapping[str, tuple[str, ...]] = {
    "name the precisions instead, such as --fp16": ("--best",),
    "calibrate ahead, with modelopt.onnx.quantization": (
        *("--calib", "--calibProfile"),
        *("--minShapesCalib", "--optShapesCalib", "--maxShapesCalib"),
    ),
    "convert layers in the ONNX file, with modelopt.onnx.autocast": (
        *("--layerPrecisions", "--layerOutputTypes", "--precisionConstraints"),
    ),
    "layers are not placed one by one: use --useDLACore with --allowGPUFallback instead": (
        "--layerDeviceTypes",
    ),
    "choose the GPU by CUDA_VISIBLE_DEVICES": ("--device",),
    "use --memPoolSize=workspace:MIB instead": ("--workspace",),
    "use --stripWeights instead": ("--weightless",),
    "use --profilingVerbosity=layer_names_only|detailed|none instead": ("--nvtxMode",),
    "use --loadEngine=… instead": ("--engine",),
    "convert Caffe and UFF models to ONNX, and give --onnx=…": (
        *("--deploy", "--model", "--uff", "--uffInput", "--uffNHWC"),
    ),
    "the outputs are those of the ONNX file": ("--output",),
    "the ONNX file has the types": ("--strictTypes", "--explicitPrecision"),
    "use --avgTiming=N instead: TensorRT has no minimum since version 10": ("--minTiming",),
    "use --builderOptimizationLevel=2 instead": ("--heuristic",),
    "build with --onnx and --stripWeights instead: weights are read again from the ONNX file": (
        "--refitFromOnnx",
    ),
    "configure= gets the IBuilderConfig, which has plugins_to_serialize": (
        *("--setPluginsToSerialize", "--ignoreParsedPluginLibs"),
    ),
    "pytest --trtperf-backend=tensorrt-lean loads plans by the lean runtime": (
        *("--useRuntime", "--leanDLLPath"),
    ),
    "the ONNX parser keeps its defaults here": (
        *("--pluginInstanceNorm", "--pi", "--enablePluginOverride", "--decomposableAttentions"),
        *("--uint8AsymmetricQuantizationDLA", "--reportCapabilityDLA", "--adjustForDLA"),
    ),
    "engines for the safety and DLA-standalone runtimes are not built here": (
        *("--safe", "--std", "--restricted", "--consistency", "--dumpKernelText", "--serialized"),
        *("--buildDLAStandalone", "--safetyPlugins", "--remoteAutoTuningConfig", "--cpuOnly"),
        "--monitorMemory",
    ),
    "engines are built for the machine that measures them": ("--runtimePlatform",),
    "runtime options of TensorRT that are not listed in docs/engines.md keep their defaults": (
        *("--tempdir", "--tempfileControls", "--persistentCacheRatio", "--allocationStrategy"),
        *("--asyncFileReader", "--threads", "--useManagedMemory"),
    ),
    "one test measures one engine: @pytest.mark.parametrize over the options": (
        *("--tuneBuildRoutes", "--tuneBuildRouteFile", "--tuningSearch", "--tuningCacheFile"),
        *("--tuningTimeOut", "--tuningResultFile", "--saveAllEngines", "--dryRun", "--continue"),
        *("--helpBuildRoute", "--setBuildRoute"),
    ),
    "use engine.assert_close(inputs=…, atol=…, rtol=…) instead": (
        *("--loadRefOutputs", "--refPair", "--atol", "--rtol"),
    ),
    "use engine.assert_close(inputs=…) instead, with rtol=, atol=, cosine= or top_k=": (
        *("--accuracyAlgorithm", "--accuracyThreshold"),
    ),
    "use engine.assert_close() instead, which compares outputs": (
        *("--dumpOutput", "--exportOutput", "--dumpRawBindingsToFile"),
    ),
    "make the tensors outputs of the ONNX file; engine.assert_close() compares outputs": (
        *("--markDebug", "--markUnfusedTensorsAsDebugTensors"),
        *("--saveDebugTensors", "--saveAllDebugTensors"),
    ),
    "trt_measure(shapes=…) has the batch": ("--maxBatch",),
    "not printed here; trtexec prints it of a plan": ("--getPlanVersionOnly",),
    "what is taken is in docs/engines.md": ("--help", "-h"),
}

INSTEAD: Mapping[str, str] = {
    argument: instead for instead, arguments in _BY_REASON.items() for argument in arguments
}
"""By argument."""
