"""Visible masks as segmenters draw them: fitted to the method, and their errors imitated."""
