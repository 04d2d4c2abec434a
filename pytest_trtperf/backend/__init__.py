"""The seam: what runs an engine, and the only room that knows which backend is in use.

protocols     what a backend, a loaded engine and a session offer to the rooms above
registry      the backends by name, and which one of a preference list is usable
session       modes, concrete shapes and device memory, which all sessions have
reference     what outputs are compared with, whatever backend is in use
progress      how far a build is
session_pids  the processes of the latest sessions
tensorrt/     TensorRT 10 and 11, TensorRT for RTX and the lean runtime
onnxruntime/  ONNX Runtime on the CPU
process/      a session in a process of its own
host_loop     queries timed by the host's clock
trace         what a timed loop leaves behind
"""
