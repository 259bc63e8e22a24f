"""The one door to ONNX Runtime: model folders, sessions, providers, the engine cache."""
