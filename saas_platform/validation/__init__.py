"""Turn what a user wrote into a validated model, or report each error in one sentence."""
