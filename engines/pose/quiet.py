"""Native log lines kept out of a performer's terminal."""

import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What MediaPipe, absl, TensorFlow Lite, ALSA and FFmpeg write past Python, straight to file descriptor 2.
NATIVE_LINE = re.compile(rb"^([WIE]\d{4} |INFO: |WARNING: |ALSA lib |\[[\w,.#:/ -]+ @ 0x[0-9a-f]+\] )")

_one_at_a_time = threading.Lock()


@contextmanager
def native_logs_silenced() -> Iterator[None]:
    """Hold back what is written to stderr meanwhile, by anybody; afterwards show all but native log lines.

    For moments only (creating a graph): file descriptor 2 belongs to the whole process, so other threads' lines come
    late. None of them is lost, also when the block raises.
    """
    with _one_at_a_time, tempfile.TemporaryFile() as held:
        try:
            kept = os.dup(2)
        except OSError:  # a program without a stderr has nothing to keep quiet
            yield
            return
        _flush_stderr()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush_stderr()
            os.dup2(kept, 2)
            os.close(kept)
            held.seek(0)
            for line in held:
                if not NATIVE_LINE.match(line):
                    os.write(2, line)


def _flush_stderr() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
