"""Measurements beside other servers: `python -m tests.bench --help`."""
