"""How nodes come to hold the same records, how news spreads, and who is nearby."""
