"""From 24 kHz PCM to what the client asked for."""
