"""Tests of the synthetic company."""
