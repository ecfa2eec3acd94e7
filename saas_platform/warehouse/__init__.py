"""The warehouse side of the platform: one interface, and one engine for each kind of warehouse."""
