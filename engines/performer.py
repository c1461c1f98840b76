"""A bundle that performs: scenes in, pictures out. The same on stage, in `render` and when it is measured."""

import numpy as np

from engines.atlas.posing import Poser
from engines.backends import Engine
from engines.bundle import Bundle
from engines.bundle.manifest import FOLLOWING
from engines.compositing import Compositor
from engines.conditioning import check_inputs, conditioned, fed_back, knob_values
from engines.errors import BundleError
from engines.film.dreaming import Dream, Playing, Touch
from engines.film.statistics import FilmLook
from engines.finish import faded, joined, over, refined, soft_sided
from engines.images import Frame, Size, covering
from engines.noise import Wandering
from engines.outlines import Outlines
from engines.region import kept_to
from engines.scene import Drawn, Scene

MID_GRAY = 128
LOOKS_AT_FRAMES = ("frame", "gray", "edges")
"""Kinds whose picture is the camera's, changed: it can be kept to a part of it."""
COLORED_PIXELS = 960 * 540
"""A colorized picture is this large, whatever its net: its luminance is the camera's."""


class Performer:
    """A bundle and the engine that runs it.

    `conditioned` and `drawn` may each have a thread of their own; neither is called by two at once. Pictures are made
    on the canvas: the plate's size if the bundle has one, a larger one than the net's for color, else the square.
    Owns the engine. Raises `BundleError` when the bundle asks for something that this understudy cannot give.
    """

    def __init__(self, bundle: Bundle, engine: Engine) -> None:
        if bundle.manifest.conditioning == "figure" and bundle.atlas is None:
            raise BundleError(f"{bundle.label} is conditioned on 'figure', but holds no atlas; export it again")
        check_inputs(bundle.manifest, bundle.label)
        self.manifest, self.engine = bundle.manifest, engine
        self._resting = _resting_picture(bundle)
        self.canvas: Size = self._resting.shape[:2]
        home, width = self.manifest.plate_at[1], self.manifest.size[1]
        self._open_sides = home > 0, home + width < self.canvas[1]
        self._nobody = np.zeros((*self.manifest.size, 4), np.uint8)
        self._nobody.flags.writeable = False
        self._fed_back = fed_back(self.manifest)
        self._poser = None if bundle.atlas is None else Poser(bundle.atlas)  # conditioning thread, like the next
        self._outlines = Outlines()  # conditioning thread
        composes = self.manifest.conditioning == "composite"
        self._compositor = Compositor(self._square_of(self._resting)) if composes else None  # likewise
        noise = self.manifest.input("noise")
        self._wandering = Wandering(noise.shape[0]) if noise is not None else None  # likewise
        self._inputs: dict[str, np.ndarray] = {}  # of the last tick that had something to look at
        self._shown: Frame | None = None  # engine thread, like the next
        self._dream = self._dreamed() if self.manifest.conditioning == "previous" else None
        self._restart = 0
        self._last_output: np.ndarray | None = None

    def conditioned(self, scene: Scene) -> dict[str, np.ndarray]:
        """The engine's inputs for this scene; empty when nothing is to be drawn, since nobody is there.

        While a vanished person fades, the last inputs are given again.
        """
        if self._presence(scene) <= 0:
            if self._poser is not None:
                self._poser.reset()
            if self._compositor is not None:
                self._compositor.reset()
            return {}
        posed = None if self._poser is None else self._poser.posed
        inputs = conditioned(scene, self.manifest, posed, self._outlines, self._compositor, self._wandering)
        if inputs is not None:
            self._inputs = inputs
        return self._inputs

    def drawn(self, inputs: dict[str, np.ndarray], scene: Scene) -> Drawn:
        """The picture for inputs that `conditioned` gave. Raises `EngineError`."""
        if self._dream is not None:
            return Drawn(self._dreaming(self._dream, inputs, scene), None, None, scene.captured_s)
        if not inputs and not self._draws_blindly:
            return self._rest(scene)
        outputs = self.engine({**inputs, **self._feedback(scene)})
        image, figure = self._finished(outputs, inputs, scene)
        if scene.frame is not None and self.manifest.conditioning in LOOKS_AT_FRAMES:
            image = kept_to(image, scene.frame, scene.mask, scene.region)
        self._shown = image
        seen = _as_picture(inputs["conditioning"]) if "conditioning" in inputs else None
        return Drawn(image, figure, seen, scene.captured_s)

    def perform(self, scene: Scene) -> Drawn:
        """Both stages at once."""
        return self.drawn(self.conditioned(scene), scene)

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    @property
    def _draws_blindly(self) -> bool:
        return self.manifest.conditioning in ("previous", "none")

    def _presence(self, scene: Scene) -> float:
        """Only who is followed can be gone: a frame is always a frame."""
        return scene.presence if self.manifest.conditioning in FOLLOWING else 1.0

    def _rest(self, scene: Scene) -> Drawn:
        """Nobody: the empty room, or, for a performer without one, the picture that was last seen."""
        self._last_output = None
        if self.manifest.finish in ("over_plate", "refine"):
            return Drawn(self._room(scene), self._nobody, None, scene.captured_s)
        return Drawn(self._resting if self._shown is None else self._shown, None, None, scene.captured_s)

    def _finished(
        self, outputs: dict[str, np.ndarray], inputs: dict[str, np.ndarray], scene: Scene
    ) -> tuple[Frame, np.ndarray | None]:
        finish = self.manifest.finish
        if finish == "none":
            self._remember(image := outputs["image"].copy())
            return image, None
        if finish == "join_chroma":
            frame = _as_picture(inputs["conditioning"]) if scene.frame is None else scene.frame
            self._remember(outputs["chroma"].copy() if self._fed_back else None)
            return joined(outputs["chroma"], frame, self.canvas), None
        if finish == "refine":
            port = self.manifest.output("displacement")
            figure = refined(outputs, inputs["conditioning"][..., 3:], port.scale if port else 1.0)
        else:
            figure = outputs["figure"]
        self._remember(figure.copy() if self._fed_back else None)
        figure = faded(figure, self._presence(scene))
        soft_sided(figure, *self._open_sides)
        return over(figure, self._room(scene), self.manifest.plate_at), figure

    def _room(self, scene: Scene) -> Frame:
        """What stands behind the figure."""
        return self._resting if scene.room is None else covering(scene.room, self.canvas)

    def _dreamed(self) -> Playing:
        """The film that goes on from the resting picture."""
        film = FilmLook.from_metrics(self.manifest.metrics)
        return Playing(Dream(self._square_of(self._resting), film), self.manifest.fps)

    def _dreaming(self, dream: Playing, inputs: dict[str, np.ndarray], scene: Scene) -> Frame:
        def step(picture: Frame, before: Frame) -> Frame:
            fed = {port.name: before if port.name == "before" else picture for port in self._fed_back}
            return np.asarray(self.engine({**inputs, **fed})["image"].copy(), np.uint8)

        if scene.restart != self._restart:
            self._restart = scene.restart
            dream.begin()
        touch = Touch.of(knob_values(scene.knobs, self.manifest), scene.frame, scene.mask)
        return dream.at(scene.captured_s, step, touch)

    def _remember(self, output: np.ndarray | None) -> None:
        self._last_output = output

    def _feedback(self, scene: Scene) -> dict[str, np.ndarray]:
        """What goes back in: the last output, with the colors of `scene.previous` if that is given."""
        fed = {}
        for port in self._fed_back:
            last = self._last_output if self._last_output is not None else self._beginning(port.shape)
            if scene.previous is not None and port.shape[2] in (3, 4):
                last = last.copy()
                last[..., :3] = self._square_of(scene.previous)
            fed[port.name] = last
        return fed

    def _beginning(self, shape: tuple[int, ...]) -> np.ndarray:
        """Before the first picture: nobody yet, or the resting picture."""
        if shape[2] == 3:
            return covering(self._square_of(self._resting), (shape[0], shape[1]))
        return np.zeros(shape, np.uint8)

    def _square_of(self, picture: Frame) -> Frame:
        """The part of a canvas that the generator draws."""
        if picture.shape[:2] == self.canvas:
            (top, left), (height, width) = self.manifest.plate_at, self.manifest.size
            return picture[top : top + height, left : left + width]
        return covering(picture, self.manifest.size)


def _resting_picture(bundle: Bundle) -> Frame:
    """What is shown before anybody was there: the room; the generated third of the preview; or plain gray."""
    if bundle.plate is not None:
        return bundle.plate
    height, width = bundle.manifest.size
    if bundle.manifest.finish == "join_chroma":
        scale = (COLORED_PIXELS / (height * width)) ** 0.5
        height, width = (2 * round(side * scale / 2) for side in (height, width))
    if bundle.manifest.finish in ("over_plate", "refine"):
        picture = np.zeros((height, width, 3), np.uint8)  # a stage without a room is black; the figure stands before it
    elif bundle.preview is not None and bundle.preview.shape[1] >= 3 * bundle.preview.shape[0]:
        third = bundle.preview.shape[1] // 3
        picture = covering(bundle.preview[:, third : 2 * third], (height, width)).copy()
    else:
        picture = np.full((height, width, 3), MID_GRAY, np.uint8)
    picture.flags.writeable = False
    return picture


def _as_picture(conditioning: np.ndarray) -> Frame:
    """A conditioning of 1, 3, 4 or 7 channels as people look at it."""
    return np.repeat(conditioning, 3, axis=2) if conditioning.shape[2] == 1 else conditioning[..., :3]
