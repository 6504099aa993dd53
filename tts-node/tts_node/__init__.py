"""A speech server for one machine: OpenAI-compatible, gives the GPU back, never falls over."""

__version__ = "0.1.0"
