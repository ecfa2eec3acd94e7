"""The command line `saas-platform`. A command that needs more than one call has a module of its own."""
