"""Completed masks -> occlusion edges -> graph: layers and removal order."""
