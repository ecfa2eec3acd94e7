"""Benchmarks: what the README claims about speed and memory, measured beside others."""
