"""The command line: thin. It asks, it shows; what is done stands in `node/commands.py`."""
