"""The instructions that a request costs in this router: a count, which no other program on the machine changes."""
