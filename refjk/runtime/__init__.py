"""Sockets and threads that drive the cores."""
