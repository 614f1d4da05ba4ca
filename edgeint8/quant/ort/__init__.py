"""ONNX Runtime's quantisers, and ONNX Runtime as the reference of every tensor."""
