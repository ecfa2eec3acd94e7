"""Decide what is stale, and record what everything was built from.

Contains: the stale months of the company, the stale layers above raw, and the months of the marts to rebuild.
Out of scope: doing the work, which defs/ does, and the state of raw, which sync/ always reads from the source.
"""
