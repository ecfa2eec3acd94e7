"""An open data platform for a SaaS company: source, proven mirror, marts, models, dashboards."""

__version__ = "0.1.0"
