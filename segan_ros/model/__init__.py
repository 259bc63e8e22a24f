"""The networks of SeGAN and their export to ONNX. Needs torch."""
