"""Turns what a user wrote into a validated model, or says what is wrong in one sentence each."""
