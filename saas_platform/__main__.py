"""`python -m saas_platform` is `saas-platform`."""

from saas_platform.cli.app import main

main()
