"""A bundle: what leaves training and is carried to the stage. A value, opened from a folder or built in memory."""

from engines.bundle.manifest import FORMAT, Graph, Knob, Manifest, Port
from engines.bundle.reading import Bundle, open_bundle, read_manifest
from engines.bundle.repertoire import find_bundles, user_bundles
from engines.bundle.writing import made_bundle, write_bundle

__all__ = [
    "FORMAT",
    "Bundle",
    "Graph",
    "Knob",
    "Manifest",
    "Port",
    "find_bundles",
    "made_bundle",
    "open_bundle",
    "read_manifest",
    "user_bundles",
    "write_bundle",
]
