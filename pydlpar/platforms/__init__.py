"""Counterparts to dispatch against: the firmware model and what wraps it."""
