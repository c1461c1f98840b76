"""The address space as OSCQuery tells it: JSON nodes with type, range, value and description, from the three tables.

https://github.com/Vidvox/OSCQueryProposal
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from live.control.addresses import SUFFIXES
from live.control.commands import COMMANDS
from live.control.desk import Desk
from live.control.echo import value_of
from live.control.moves import SHAPES
from live.control.parameters import Control
from live.control.signals import HEARTBEAT, SIGNALS

READ, WRITE, BOTH = 1, 2, 3
ATTRIBUTES = ("FULL_PATH", "TYPE", "RANGE", "ACCESS", "VALUE", "DESCRIPTION", "UNIT", "CLIPMODE", "CONTENTS", "DEFAULT")

Node = dict[str, Any]


@dataclass
class OscQuery:
    """Answers what is where. `heard`: the last arguments that went out at each address."""

    desk: Desk
    osc_port: Callable[[], int]
    performers: Callable[[], Sequence[str]] = tuple
    heard: dict[str, Sequence[Any]] = field(default_factory=dict)
    name: str = "understudy"

    def host_info(self, host: str, port: int) -> Node:
        """Who we are and what we can."""
        told = ("ACCESS", "VALUE", "RANGE", "DESCRIPTION", "UNIT", "CLIPMODE", "LISTEN", "PATH_CHANGED")
        return {
            "NAME": self.name,
            "OSC_IP": host,
            "OSC_PORT": self.osc_port(),
            "OSC_TRANSPORT": "UDP",
            "WS_IP": host,
            "WS_PORT": port,
            "EXTENSIONS": dict.fromkeys(told, True),
        }

    def node(self, path: str) -> Node | None:
        """The node at an address with everything below it; None when there is nothing."""
        node = self._root()
        for part in path.strip("/").split("/") if path.strip("/") else ():
            node = node.get("CONTENTS", {}).get(part)
            if node is None:
                return None
        return node

    def _root(self) -> Node:
        root: Node = {"FULL_PATH": "/", "DESCRIPTION": self.name, "ACCESS": 0, "CONTENTS": {}}
        for control in self.desk.addresses.controls:
            for address, node in self._of_control(control).items():
                _put(root, address, node)
        for command in COMMANDS:
            node = {"TYPE": command.types or "I", "ACCESS": WRITE, "DESCRIPTION": command.help}
            if command.address in ("/preset/list", "/cue/list"):
                names = self.desk.presets.names if command.address == "/preset/list" else self.desk.cues.names
                node |= {"TYPE": "s" * len(names) or "N", "ACCESS": READ, "VALUE": names}
            _put(root, command.address, node)
        for signal in SIGNALS:
            if signal in HEARTBEAT or signal.address in self.heard:
                _put(root, signal.address, self._of_signal(signal.address, signal.types, signal.what))
        return root

    def _of_control(self, control: Control) -> Mapping[str, Node]:
        value = value_of(self.desk.read(), control)
        told = {"DESCRIPTION": control.help, "ACCESS": BOTH}
        if control.kind == "trigger":
            return {control.address: {**told, "TYPE": "I", "ACCESS": WRITE}}
        if control.kind == "switch":
            type_ = "T" if value else "F"
            return {control.address: {**told, "TYPE": type_, "VALUE": [value], "DEFAULT": [control.default]}}
        if control.kind in ("choice", "name"):
            choices = list(control.choices or self.performers())
            node = {**told, "TYPE": "s", "VALUE": [value]}
            return {control.address: {**node, "RANGE": [{"VALS": choices}]} if choices else node}
        return self._of_slider(control, float(value), told)

    def _of_slider(self, control: Control, value: float, told: Node) -> Mapping[str, Node]:
        told = {**told, "TYPE": "f", "CLIPMODE": ["both"]}
        default = float(control.default)
        share = {"VALUE": [control.to_share(value)], "RANGE": [_range(0, 1)], "DEFAULT": [control.to_share(default)]}
        nodes = {control.address: {**told, **share}}
        if control.twin:
            natural = {"VALUE": [value], "RANGE": [_range(control.low, control.high)], "DEFAULT": [default]}
            nodes[control.twin] = {**told, **natural, "UNIT": [control.unit]}
        lfo = self.desk.lfo_of(control)
        parts: dict[str, Node] = {
            "/glide": _number(self.desk.glide_ms(control), 60000, "milliseconds that every change takes", "ms"),
            "/ramp": {"TYPE": "ff", "ACCESS": WRITE, "DESCRIPTION": "go to a value over seconds"},
            "/lfo": {
                "TYPE": "s",
                "ACCESS": BOTH,
                "VALUE": [lfo.shape],
                "RANGE": [{"VALS": list(SHAPES)}],
                "DESCRIPTION": "oscillate about the value that was set",
            },
            "/lfo/hz": _number(lfo.hz, 30, "turns a second", "Hz"),
            "/lfo/depth": _number(lfo.depth, 1, "1 swings over the whole range"),
            "/lfo/beats": _number(lfo.beats, 256, "beats of the tempo to a turn; 0 goes by hz"),
        }
        assert set(parts) == set(SUFFIXES)
        return {**nodes, **{control.address + suffix: node for suffix, node in parts.items()}}

    def _of_signal(self, address: str, types: str, what: str) -> Node:
        node: Node = {"TYPE": types.rstrip("."), "ACCESS": READ, "DESCRIPTION": what}
        value = self.heard.get(address)
        return node if value is None else {**node, "VALUE": list(value)}


def _number(value: float, high: float, what: str, unit: str = "") -> Node:
    node = {"TYPE": "f", "ACCESS": BOTH, "VALUE": [value], "RANGE": [_range(0, high)], "DESCRIPTION": what}
    return {**node, "UNIT": [unit]} if unit else node


def _range(low: float, high: float) -> Node:
    return {"MIN": low, "MAX": high}


def _put(root: Node, address: str, node: Node) -> None:
    """Hang a node in at its address; what is there already (a signal of a control's own name) stays."""
    at, path = root, ""
    for part in address.strip("/").split("/"):
        path += f"/{part}"
        at = at.setdefault("CONTENTS", {}).setdefault(part, {"FULL_PATH": path, "ACCESS": 0})
    if "TYPE" not in at:
        at.update(node)
