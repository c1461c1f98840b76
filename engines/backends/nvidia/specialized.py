"""What TensorRT-RTX compiles for the one card it meets, when a plan first runs; kept so that it happens once.

The library refuses by itself what was made by another version or for another card or driver; the checksum of the cache
folder sees to the rest.
"""

from typing import Any

from engines.backends.kept import Kept


class Specialized:
    """The kernels of one plan on one card, under `key`. TensorRT has no such thing: there `None` is passed instead."""

    def __init__(self, kept: Kept, key: str) -> None:
        self._kept, self._key = kept, key
        self._cache: Any = None
        self._size = 0

    def give(self, config: Any) -> None:
        """Hand what is kept to the execution context that will be made from `config`."""
        cache = config.create_runtime_cache()
        blob = self._kept.read(self._key)
        if blob is not None and cache.deserialize(blob):
            self._size = len(blob)
        if config.set_runtime_cache(cache):
            self._cache = cache

    def keep(self) -> None:
        """Keep what was compiled since, if that is more than there was."""
        if self._cache is None:
            return
        blob = bytes(self._cache.serialize())
        if len(blob) != self._size:
            self._kept.write(self._key, blob)
        self._cache = None
