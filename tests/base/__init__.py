"""Tests of `refjk.base`."""
