"""How fast the engines are here."""
