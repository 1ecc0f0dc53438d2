"""One file per feature: the shapes of its records, and the pure function from records to state."""
