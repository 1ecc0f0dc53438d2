"""The running node: keys, SQLite, views, web page, command line."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("barnraise")
except PackageNotFoundError:  # running from a bare checkout
    VERSION = "0"
