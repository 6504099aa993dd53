"""Stores behind the state port."""

from router.state.local import LocalStore

__all__ = ["LocalStore"]
