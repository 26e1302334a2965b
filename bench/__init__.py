"""Benchmarks: `python -m bench` runs them all, `pytest bench` those in Python."""
