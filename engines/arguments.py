"""What the command line's arguments are made of: each reads one text, or says in a sentence what to write instead.

Both rooms' commands use these, so nothing heavy is imported here.
"""

import argparse
import math
from collections.abc import Callable

Command = Callable[[argparse.Namespace], int]

LEAST_SIDE, MOST_SIDE = 16, 8192


def command(commands: "argparse._SubParsersAction", name: str, run: Command, help: str) -> argparse.ArgumentParser:
    """A subcommand that `run` performs; `help` is both its line in the list and its description."""
    parser = commands.add_parser(name, help=help, description=help)
    parser.set_defaults(run=run)
    return parser


def size(text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT as (height, width), in pixels."""
    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is no size: write WIDTHxHEIGHT, for example 1280x720")
    if not all(LEAST_SIDE <= int(side) <= MOST_SIDE for side in (width, height)):
        raise argparse.ArgumentTypeError(
            f"{text!r} is out of range: each side is {LEAST_SIDE} to {MOST_SIDE}, for example 1280x720"
        )
    return int(height), int(width)


def share(text: str) -> float:
    """A number from 0 to 1; what is outside is refused, not clamped."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: choose from 0 to 1, for example 0.5")
    return share


def positive(text: str) -> float:
    """A number above 0, with an end."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: write a number above 0, for example 8")
    return number


def at_least_one(text: str) -> int:
    """A whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range: write a whole number above 0, for example 8")
    return int(text)


def frames(text: str) -> tuple[int, int | None]:
    """FROM:TO as (first, the one after the last); without TO to the end."""
    first, colon, last = text.partition(":")
    if not colon or not all(part.isdigit() or not part for part in (first, last)):
        raise argparse.ArgumentTypeError(f"{text!r} is no range: write FROM:TO, for example 100:350 or 100:")
    begin, end = int(first or 0), int(last) if last else None
    if end is not None and end <= begin:
        raise argparse.ArgumentTypeError(f"{text!r} holds no frame: TO is the frame after the last, above FROM")
    return begin, end


def seconds(text: str) -> tuple[float, float | None]:
    """FROM:TO as two times; without TO to the end."""
    first, colon, last = text.partition(":")
    try:
        begin, end = float(first or 0), float(last) if last else None
    except ValueError:
        begin, end = -1.0, None
    if not colon or not 0 <= begin < (math.inf if end is None else end):
        raise argparse.ArgumentTypeError(f"{text!r} is no part: write FROM:TO in seconds, for example 4:14.5 or 20:")
    return begin, end


def moments(text: str) -> tuple[float, ...]:
    """Seconds, with commas between them."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 <= moment < math.inf for moment in found):
        raise argparse.ArgumentTypeError(f"{text!r} are no moments: write seconds, for example 10.5,19,42")
    return found


def names(text: str) -> tuple[str, ...]:
    """Names, with commas between them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def knob(text: str) -> tuple[str, float]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    try:
        return name, float(value if equals else "no")
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no knob: write NAME=VALUE, for example saturation=1.2") from None


def count(text: str) -> int:
    """A whole number from 0 to 100,000."""
    if not text.isdigit() or int(text) > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no count: write a whole number, for example 8")
    return int(text)


def place(text: str) -> tuple[int, int]:
    """X,Y on the desktop, in pixels."""
    left, _, top = text.partition(",")
    try:
        return int(left), int(top)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no place: write X,Y, for example 1920,0") from None


def width(text: str) -> int | str:
    """Channels of a generator, or auto."""
    if text == "auto" or (text.isdigit() and 4 <= int(text) <= 256):
        return text if text == "auto" else int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no width; write auto, or a number from 4 to 256")
