"""The fault campaign: real processes on loopback, killed, frozen, starved and restarted.

`make faults` runs all of it and prints a table; `make check-faults` runs a short version.
"""
