"""What must be on this machine: packages, weights, and what is wrong with them."""
