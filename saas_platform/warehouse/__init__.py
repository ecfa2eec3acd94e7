"""The analytical end: one contract, an engine for each warehouse."""
