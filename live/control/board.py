"""The state of all controls and what moves them: values, glides, ramps, oscillators, panic. One thread, no locks."""

from collections.abc import Iterable, Mapping
from typing import Any

from live.control.moves import Lfo, Ramp, Tempo, wave
from live.control.parameters import BY_NAME, TABLE, Control, Controls, Value
from live.control.presets import Preset

LONGEST_S = 86400.0


class Board:
    """What `tick` makes of all that was asked. Values are in natural units; `start` is what panic goes back to."""

    def __init__(self, start: Controls) -> None:
        self._neutral: dict[str, Value] = {control.name: getattr(start, control.name) for control in TABLE}
        self._table: tuple[Control, ...] = TABLE
        self._base = dict(self._neutral)
        self._ramps: dict[str, Ramp] = {}
        self._glides: dict[str, float] = {}
        self._lfos: dict[str, Lfo] = {}
        self._phases: dict[str, float] = {}
        self._tempo = Tempo()
        self._ticked_s: float | None = None
        self._shown: dict[str, Value] = {}
        self._controls = start

    def tick(self, now_s: float) -> Controls:
        """All controls at `now_s`; the very same object as long as nothing changes."""
        elapsed_s = 0.0 if self._ticked_s is None else max(0.0, now_s - self._ticked_s)
        self._ticked_s = now_s
        beat = self._tempo.beat(now_s, float(self._base["tempo"]))
        for name, ramp in list(self._ramps.items()):
            self._base[name] = ramp.at(now_s)
            if ramp.share(now_s) >= 1:
                del self._ramps[name]
        shown = self._base
        if self._lfos:
            shown = {**self._base, **self._swung(elapsed_s, beat)}
        if shown != self._shown:
            self._shown = dict(shown)
            self._controls = self._as_controls(shown)
        return self._controls

    def set(self, control: Control, value: Value, now_s: float, seconds: float | None = None) -> None:
        """Go to `value`, over `seconds` or, where that is None, over the control's own glide."""
        if control.name not in self._base:  # a knob of a performer that has left meanwhile
            return
        if control.kind == "slider":
            value = control.clamped(float(value))
            seconds = self._glides.get(control.name, 0.0) if seconds is None else min(max(seconds, 0.0), LONGEST_S)
            if seconds > 0:
                self._ramps[control.name] = Ramp(float(self._base[control.name]), value, now_s, seconds)
                return
        self._ramps.pop(control.name, None)
        self._base[control.name] = value

    def settle(self, values: Mapping[str, Value]) -> None:
        self._base.update(values)

    def step(self, control: Control, step: float, now_s: float) -> None:
        """A key: turns a switch, fires a trigger, moves a slider by a share of its range (0 turns it over)."""
        value: Any = self._base[control.name]
        if control.kind == "switch":
            self._base[control.name] = not value
        elif control.kind == "trigger":
            self._base[control.name] = value + 1
        elif step == 0:
            self.set(control, control.low if value > (control.low + control.high) / 2 else control.high, now_s)
        else:
            ramp = self._ramps.get(control.name)
            aim = ramp.end if ramp else float(value)
            self.set(control, round(aim + step * (control.high - control.low), 6), now_s)

    def fire(self, control: Control, times: int) -> None:
        self._base[control.name] = int(self._base[control.name]) + times

    def glide(self, control: Control, seconds: float) -> None:
        """From now on `set` takes this long."""
        self._glides[control.name] = min(max(seconds, 0.0), LONGEST_S)

    def glide_of(self, control: Control) -> float:
        return self._glides.get(control.name, 0.0)

    def lfo_of(self, control: Control) -> Lfo:
        return self._lfos.get(control.name, Lfo())

    def swing(self, control: Control, lfo: Lfo) -> None:
        """Oscillate, or stop with the shape off; its settings stay for the next time."""
        self._lfos[control.name] = lfo

    def tap(self, now_s: float) -> None:
        tempo = BY_NAME["tempo"]
        self.set(tempo, self._tempo.tap(now_s, float(self._base["tempo"])), now_s, 0.0)

    def halt(self) -> None:
        """Everything that moves by itself stops where it is."""
        for control in self._table:
            if self.lfo_of(control).shape != "off":
                self._base[control.name] = self._shown.get(control.name, self._base[control.name])
        self._ramps.clear()
        self._lfos.clear()

    def panic(self, on: bool) -> None:
        """Black and neutral, or the picture back. What belongs to the room, and who is on stage, stays."""
        if on:
            self._ramps.clear()
            self._lfos.clear()
            for control in self._table:
                if control.kind in ("slider", "switch", "choice") and not control.is_rig:
                    self._base[control.name] = self._neutral.get(control.name, control.default)
        self._base["panic"] = on

    def preset(self) -> Preset:
        """All that a preset keeps, as it was set (oscillation apart)."""
        kept = [control for control in self._table if control.kind != "trigger" and not control.is_rig]
        values = {control.address: self._aim(control) for control in kept}
        lfos = {control.address: self.lfo_of(control) for control in kept}
        return Preset(
            controls={address: float(v) if isinstance(v, int) else v for address, v in values.items()},
            lfos={address: lfo for address, lfo in lfos.items() if lfo.shape != "off"},
        )

    def recall(self, preset: Preset, now_s: float, seconds: float) -> None:
        """Sliders go there over `seconds`, the rest at once. Addresses that are not here are another performer's."""
        for control in self._table:
            if control.is_rig or control.kind == "trigger":
                continue
            value = preset.controls.get(control.address)
            if value is not None and (found := _kept(control, value)) is not None:
                self.set(control, found, now_s, seconds)
            self._lfos.pop(control.name, None)
            if control.address in preset.lfos:
                self._lfos[control.name] = preset.lfos[control.address]

    def take_up(self, knobs: Iterable[Control]) -> None:
        """The knobs of who is on stage now, in place of the last one's; of the same name, they stay turned."""
        knobs = tuple(knobs)
        gone = {control.name for control in self._table[len(TABLE) :]} - {knob.name for knob in knobs}
        moving: tuple[dict[str, Any], ...] = (self._base, self._ramps, self._lfos, self._glides, self._phases)
        for name in gone:
            for kept in moving:
                kept.pop(name, None)
        self._table = (*TABLE, *knobs)
        for knob in knobs:
            self._base[knob.name] = knob.clamped(float(self._base.get(knob.name, knob.default)))

    def _aim(self, control: Control) -> Value:
        ramp = self._ramps.get(control.name)
        return ramp.end if ramp else self._base[control.name]

    def _swung(self, elapsed_s: float, beat: float) -> dict[str, Value]:
        swung: dict[str, Value] = {}
        for control in self._table:
            lfo = self._lfos.get(control.name)
            if lfo is None or lfo.shape == "off":
                continue
            phase = self._phases[control.name] = self._phases.get(control.name, 0.0) + elapsed_s * lfo.hz
            if lfo.beats:
                phase = beat / lfo.beats
            swing = lfo.depth * (control.high - control.low) / 2 * wave(lfo.shape, phase, control.name)
            swung[control.name] = control.clamped(float(self._base[control.name]) + swing)
        return swung

    def _as_controls(self, values: Mapping[str, Value]) -> Controls:
        knobs = {c.name.removeprefix("knob "): float(values[c.name]) for c in self._table[len(TABLE) :]}
        named: dict[str, Any] = {control.name: values[control.name] for control in TABLE}
        return Controls(**named, knobs=knobs)


def _kept(control: Control, value: float | str) -> Value | None:
    """A value of a preset as the control holds it; None when it is of another kind."""
    if control.kind == "choice":
        return value if value in control.choices else None
    if control.kind == "name":
        return str(value) or None
    if isinstance(value, str):
        return None
    return value >= 0.5 if control.kind == "switch" else value
