"""What a record is, when it is valid, what follows from a set of records, what travels on the wire.

Nothing in this package does I/O, reads a clock or draws randomness: `now`, seeds and keys are arguments.
"""
