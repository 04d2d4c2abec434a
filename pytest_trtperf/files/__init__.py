"""How files are written whole, locked and digested."""
