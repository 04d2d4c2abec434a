"""An ONNX file with shapes and build options: what an engine is built from, and its key."""
