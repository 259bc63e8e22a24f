"""The same object over frames, and answers that do not flicker."""
