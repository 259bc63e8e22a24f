"""Visible masks as segmenters draw them: their errors, imitated."""
