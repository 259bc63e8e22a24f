"""The paper's tables, by its own protocol, with its baselines."""
