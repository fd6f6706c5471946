"""ONNX graphs and changes to them. Knows nothing about speakers."""
