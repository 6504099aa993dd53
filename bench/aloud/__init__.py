"""How soon a reply is heard while a language model writes it."""
