"""Talking to a router from a terminal, as a client that knows only its HTTP.

`happenings`, `answer`, `conversation` and `report` do no I/O; `client` asks, `loudspeaker` and `recording` make
sound of the answer, `screen` shows it, and `talk` is one conversation of all these.
"""
