"""ONNX Runtime on the CPU: each session in a process of its own, as on a GPU."""
