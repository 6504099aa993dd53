"""The client side: one module per client dialect, who may come in, and how errors look."""
