"""Chatterbox. `rows`, `voices` and `plausibility` import nothing heavy; the rest is the child's alone."""
