"""From an ONNX file and build options to a plan on disk.

``spec`` says what is built, ``build`` builds it, ``cache`` keeps the plan and ``backends`` imports
TensorRT on first use.
"""
