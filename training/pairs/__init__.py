"""Pairs: what a generator is taught from, as a folder. `build_pairs` makes one from videos, `open_pairs` reads it."""

from training.pairs.building import build_pairs
from training.pairs.header import PairsHeader, Row, Shot
from training.pairs.store import PairSet, open_pairs
from training.pairs.writing import PairsWriter

__all__ = ["PairSet", "PairsHeader", "PairsWriter", "Row", "Shot", "build_pairs", "open_pairs"]
