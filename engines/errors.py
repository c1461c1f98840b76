"""Everything that understudy raises on purpose.

UnderstudyError          one sentence that names what was found and what to do; never a traceback for its reader
├── BadInput             a file, folder, value or address that somebody gave us is not usable as it is
│   ├── ConfigError      a config file: names file, key, value and what is allowed
│   ├── VideoError       a video or picture that does not open or holds nothing usable
│   ├── PairsError       a folder of pairs
│   └── BundleError      a bundle: missing file, wrong hash, newer format, wrong ports
└── Unavailable          a device, model, library or port that is not here now
    ├── SourceLost       a source that worked and then stopped giving frames
    └── EngineError      a backend that cannot open or run a graph on this machine
        └── DeviceError  a graphics card that failed: no driver, memory full, lost
"""


class UnderstudyError(Exception):
    """The root: `str(error)` is a whole sentence for the person at the keyboard."""

    exit_code = 1


class BadInput(UnderstudyError):
    """What was given cannot be used; the sentence says what was found, what was expected and what to do."""

    exit_code = 2


class ConfigError(BadInput):
    """A config file or an override that does not validate."""


class VideoError(BadInput):
    """A video or picture that does not open, or in which nothing usable was found."""


class PairsError(BadInput):
    """A folder of pairs that is missing, unfinished or of another kind than asked for."""


class BundleError(BadInput):
    """A bundle that is incomplete, altered, of a newer format, or at odds with its own manifest."""


class Unavailable(UnderstudyError):
    """Something that is not on this machine, or not now: a camera, a display, a port, a model, a library."""

    exit_code = 3


class SourceLost(Unavailable):
    """A source that gave frames and then stopped."""


class EngineError(Unavailable):
    """A backend that cannot open or run this graph here."""


class DeviceError(EngineError):
    """A graphics card that fails to do what was asked, though the graph and its inputs are sound."""
