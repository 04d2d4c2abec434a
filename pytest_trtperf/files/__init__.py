"""Files: written whole, locked, digested."""
