"""Stress: faults at every call, requests at random, and what must hold all the time.

`invariants` says what must hold, `exhaust` fails every call of a request in turn,
`plan` makes requests from a seed, and `run` carries them out by the million.
"""
