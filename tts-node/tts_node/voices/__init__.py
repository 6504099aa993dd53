"""Voices: the engines' own, and those copied from recordings."""
