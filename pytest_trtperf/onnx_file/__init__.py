"""What is read of an ONNX file without the onnx package, which the base install does not have."""
