"""Vendors whose servers cannot run here, made from their published contracts. Standard library only: the same
fakes serve the router's tests in their process, and the vendors' own SDKs as processes
(`python -m vendors.server`).

A module per vendor; its docstring says which version of the vendor's document it follows. tests/clients checks
each with the vendor's SDK, where there is one.
"""
