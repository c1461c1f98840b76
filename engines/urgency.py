"""Threads that work briefly and must not wait: the display first, then what stands between tracker and engine, and OSC.

Tracker and engine fill every core, and who wakes up beside them waits some milliseconds for one: a display loop that
works for 1 ms a picture missed its turn again and again, the more so while it waits for Python's lock and the thread
that holds it has no core. Real-time priority ends that: it was what audio programs have always asked for. It is used
where the system allows it (root; elsewhere a limit, see docs/installation.md), and nothing else is changed without it.

Not for the engine or the tracker: a real-time thread that hangs in a driver would keep a core for itself.
"""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

log = logging.getLogger(__name__)

DISPLAY, BRIEF = 2, 1
"""Priorities, of 1 to 99: the display before the brief ones, both before everything ordinary and after the system's."""


def hurry(priority: int = BRIEF) -> bool:
    """Ask for real-time priority for the thread that calls, not for threads it starts; whether the system allows it.

    A thread that somebody gave another place than the ordinary one keeps that. Source: sched(7), SCHED_RR.
    """
    # macOS names SCHED_RR and has no call for it; the other name is Linux's own.
    if not hasattr(os, "SCHED_RESET_ON_FORK") or os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK != os.SCHED_OTHER:
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except OSError as error:  # the limit of most users is 0; some containers have none to give
        log.debug("no real-time priority: %s", error)
        return False
    return True


@contextmanager
def hurrying(priority: int = DISPLAY) -> Iterator[bool]:
    """`hurry` for a while, for a thread that does other things afterwards."""
    hurries = hurry(priority)
    try:
        yield hurries
    finally:
        if hurries:
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))


def is_allowed() -> bool:
    """Whether a thread of this process would be given real-time priority now."""
    with ThreadPoolExecutor(1) as tried:
        return tried.submit(hurry).result()
