"""The trained models, as pure functions from frames to fitted models, scores and evaluations.

Out of scope: databases, files and Dagster. The simulator's truth enters only through `evaluation`, as a
frame.
"""
