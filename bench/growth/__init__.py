"""How the router's cost grows: each thing that a house can have much of, at four sizes."""
