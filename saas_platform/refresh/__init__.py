"""Decides what is stale, and records what everything was built from.

Contains: stale months of the company, stale layers above raw, and the months of the marts to rebuild. Out of
scope: doing the work, which defs/ does; raw, whose state is always asked of the source (sync/).
"""
