"""The synthetic company: pure, seeded; no database, no Dagster."""
