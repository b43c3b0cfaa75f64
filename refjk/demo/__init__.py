"""The demo: a small application, the processes that serve it, and the check that drives it."""
