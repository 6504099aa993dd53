"""Benchmarks of the router as a gateway: what a request costs, beside nginx and beside no gateway at all."""
