"""ONNX graphs: sessions, and graph surgery. No module here knows about speakers."""
