"""Operators of ONNX and ONNX Runtime as products of the array, one module a family."""
