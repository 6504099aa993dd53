"""The life of a model: its turns, its child process, its memory."""
