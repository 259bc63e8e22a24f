"""Labelled tabletop scenes: shapes, textures, physics, rendering and exact ground truth."""
