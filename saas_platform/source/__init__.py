"""The OLTP end: one contract, an engine for each database."""
