"""One module per command. Each has `run(arguments) -> exit status` and talks to a terminal."""
