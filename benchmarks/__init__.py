"""Benchmarks that measure what the README claims about speed and memory, next to other tools."""
