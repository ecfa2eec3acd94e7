"""The one Definitions object: what `dagster dev`, the daemon and the command line load."""

from __future__ import annotations

from saas_platform.defs.build import build_definitions
from saas_platform.platform import Platform

definitions = build_definitions(Platform.load())
