"""Turns what a user wrote into a validated model, or reports each error in one sentence."""
