"""stub"""
from __future__ import annotations
from refjk.simulation.result import Result
def picture(result: Result) -> str:
    return ""
