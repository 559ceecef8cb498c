"""The fault campaign: real processes on loopback, killed, frozen, starved and restarted.

`make faults` runs all of it and prints a table; `tests/test_faults.py` runs a short version.
"""
