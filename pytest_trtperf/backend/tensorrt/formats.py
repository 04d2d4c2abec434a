"""What is known of TensorRT's formats of inputs and outputs beyond its documentation."""

from __future__ import annotations


def has_unknown_layout(tensor_format: str, dtype: str) -> bool:
    """Whether values of a type may lie in another order than the format's documentation says.

    CHW4 is documented for int8 alone; TensorRT for RTX 1.4 takes it for other types, and lays
    those out otherwise (seen on a GPU).

    Args:
        tensor_format: a member of `TensorFormat`.
        dtype: numpy's name.
    """
    return tensor_format == "CHW4" and dtype != "int8"
