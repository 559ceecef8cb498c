"""The fault campaign: real processes on loopback, killed, frozen, starved and restarted.

`make faults` runs all of it and prints a table; `test_short_campaign.py` runs a short
version.
"""
