"""The warehouse side of the platform: one contract, and one engine for each kind of warehouse."""
