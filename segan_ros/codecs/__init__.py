"""Formats of pictures, byte by byte: what OpenCV does not tell of PNG and JPEG, and RVL."""
