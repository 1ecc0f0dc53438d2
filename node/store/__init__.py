"""The SQLite store: records and everything that is worked out from them, written in one transaction."""
