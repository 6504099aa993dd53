"""What speech costs the router: CPU for a second of sound, and how late everybody else is served meanwhile."""
