"""Bags through the method or the live node, scored, with one HTML report."""
