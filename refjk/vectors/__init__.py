"""Recorded exchanges and golden data, and the players that hold refjk against them."""

from refjk.vectors.document import read_document
from refjk.vectors.kinds import play
from refjk.vectors.result import Difference, Judgement, Played, Verdict

__all__ = ["Difference", "Judgement", "Played", "Verdict", "play", "read_document"]
