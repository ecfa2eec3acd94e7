"""The command line `saas-platform`: one module per command that needs more than a call."""
