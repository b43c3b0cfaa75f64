"""The status worker: `spec/status.md`."""
