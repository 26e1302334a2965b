"""The embedded device tree."""
