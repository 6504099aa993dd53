"""Local AI Router: one base URL for every AI client in the house."""

__version__ = "0.1.0"
