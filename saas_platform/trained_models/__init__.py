"""Models, pure: frames in, fitted models, scores and evaluations out.

Does not hold: databases, files, Dagster. The simulator's truth enters `evaluation` as a frame, and
nothing else.
"""
