"""The drill: faults at real processes under real load, and whether what the house promises holds.

`unplug.py` gives a drill on a cast of its own, `own.py` one on the person's configuration. What was seen is a
ledger of plain values; what follows from it (`figures`, `verdict`, `report`, `picture`) does no I/O but to write.
"""
