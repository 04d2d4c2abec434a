"""What is read of an ONNX file: its external data, its tensors and operators, its types.

The onnx package is not used here. The base install does not have it, since TensorRT parses the
model itself; and it loads a model whole, 2 GB of weights included, where only a few bytes of a
mapped file are needed: the names and places of tensors.

`protobuf` reads the wire format; field numbers are those of onnx.proto
(https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""
