"""One module per command: each adds its flags to a parser and runs to an exit status."""
