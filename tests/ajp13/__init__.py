"""Tests of `refjk.ajp13`: the chapter `spec/ajp13.md`, both ends, without sockets."""
