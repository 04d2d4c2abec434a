"""ONNX Runtime on the CPU, in the process of the test."""
