"""What a training is: read from a TOML file, checked, frozen.

Every number a run depends on is here, so that a run's folder can say how it was made. `load_config` refuses what it
does not know; `--set losses.l1=30` overrides one key.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from training.config_files import Section, Share, Weight, checked, read_values


class GeneratorConfig(Section):
    kind: Literal["light", "refiner", "unet", "resnet", "flowing", "hues"] = Field(
        default="light",
        description="refiner: repairs the posed figure of an atlas instead of painting from bones; "
        "hues: says how likely each color is (colorize)",
    )
    width: int = Field(default=40, ge=4, le=256, description="channels of the widest-resolution level")
    blocks: int = Field(default=2, ge=1, le=16, description="light: blocks at the coarsest level; resnet: all of them")
    memory: int = Field(
        default=0,
        ge=0,
        le=512,
        description="flowing: numbers that a film is remembered by; they keep it going",
    )
    downs: int = Field(default=8, ge=2, le=10, description="unet: halvings; 8 as published at 256, 9 at 512")
    dropout: bool = Field(
        default=False, description="unet: half of the inner decoder is dropped, as published; hues: a third of all"
    )
    block: Literal["plain", "branched"] = Field(
        default="plain", description="light: branched learns as three branches and performs as one convolution"
    )
    norm: Literal["batch", "instance"] = Field(
        default="batch", description="resnet: instance as CycleGAN was published; slow and inexact on stage, so distil"
    )

    @property
    def channels_in(self) -> int:
        """A skeleton; for what repairs, the posed figure behind it."""
        return 7 if self.kind == "refiner" else 3


class DiscriminatorConfig(Section):
    kind: Literal["crops", "patch", "none"] = "crops"
    width: int = Field(default=32, ge=4, le=256)
    layers: int = Field(default=3, ge=1, le=5, description="stride-2 convolutions")
    norm: Literal["batch", "instance"] = "batch"
    published: bool = Field(default=False, description="patches of 70 pixels with three layers, as published")
    crops: int = Field(default=24, ge=2, le=256, description="crops of the figure a step, real and generated each")
    crop_share: float = Field(default=0.25, gt=0, le=1, description="side of a crop as a share of the picture's")
    start_step: int = Field(default=400, ge=0, description="it learns from here on; L1 alone before")
    ramp_steps: int = Field(default=200, ge=1, description="its say grows over these steps")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1)
    beta2: float = Field(default=0.99, gt=0, lt=1)
    augment: bool = Field(default=False, description="DiffAugment: brightness, contrast and shift, alike for both")
    r1: Weight = Field(default=0, description="R1 on the mean score of a crop, every 16th step")


class LossesConfig(Section):
    form: Literal["hinge", "least_squares", "vanilla"] = "hinge"
    l1: Weight = 20
    edges: Weight = Field(default=0, description="L1 of neighboring pixels' differences")
    texture: Weight = Field(default=0, description="as much gradient in each square of 16 pixels as the real one has")
    adversarial: Weight = Field(default=0.2, description="0.5 left a grid of 4 px on 162 pairs; 0.2 did not")
    feature_matching: Weight = 1
    person: Weight = Field(default=4, description="extra weight of a pixel in the dilated person mask")
    face: Weight = Field(default=4, description="extra weight in the face's box")
    hands: Weight = Field(default=4, description="extra weight in the hands' boxes")
    feet: Weight = Field(default=0, description="extra weight in the feet's boxes")
    temporal: Weight = Field(
        default=0, description="L1 of the change from frame to frame against the clip's own; batches hold neighbors"
    )
    consistency: Weight = Field(
        default=0, description="L1 between pictures of a pose and of the same with a tracker's tremble; one more pass"
    )
    matte: Weight = Field(default=1, description="the matte follows the person mask weakly, or the true matte")
    far_matte: Weight = Field(default=10, description="price of matte far from the person")
    painting: Weight = Field(default=0.3, description="refiner: price of painting where the posed figure is right")
    moving: Weight = Field(default=0, description="refiner: price of moving the posed figure's pixels")
    outline: Weight = Field(default=0, description="refiner: price of another outline than the posed figure's")


class StyleConfig(Section):
    """What cyclegan and fastcut have beside losses.adversarial; cycle, identity and pool are cyclegan's."""

    cycle: Weight = Field(default=10, description="L1 of there and back again")
    identity: Weight = Field(default=0.5, description="share of cycle: pictures of the other side are left as they are")
    pool: int = Field(default=50, ge=0, le=1000, description="earlier fakes that a discriminator is shown too")
    student: GeneratorConfig | None = Field(default=None, description="learns what the generator shows, for the stage")
    student_rate: float = Field(default=1e-3, gt=0, le=0.1)
    direction: Literal["a_to_b", "b_to_a"] = Field(default="a_to_b", description="fastcut: its one direction")
    contrast: Weight = Field(default=10, description="fastcut: a patch knows where in the input it was")
    contrast_identity: Weight = Field(
        default=0, description="fastcut: the same for pictures of the other side (CUT: 1)"
    )
    patches: int = Field(default=256, ge=8, le=4096)
    temperature: float = Field(default=0.07, gt=0, le=1)
    flip_equivariance: bool = True
    flow: Weight = Field(default=0, description="steadiness: of a moved picture the moved result; one more pass")


class AugmentationConfig(Section):
    move_share: Share = Field(default=0.5, description="share of pictures that are moved at all")
    shift: float = Field(default=0.06, ge=0, le=0.5, description="of the square's side")
    scale: float = Field(default=0.10, ge=0, le=0.5)
    rotation_degrees: float = Field(default=5, ge=0, le=45)
    flip: bool = Field(default=False, description="mirror half of the pictures; a filmed dancer is not symmetric")
    enlarge: float = Field(
        default=0,
        ge=0,
        le=1,
        description="pictures without a pose: enlarged by up to this, then cut; 0.117 is 286 to 256",
    )
    cut: int = Field(
        default=0,
        ge=0,
        le=2048,
        multiple_of=32,
        description="learn from squares of so many pixels around a landmark, not from whole pictures; 0: whole",
    )
    jitter: float = Field(default=0.002, ge=0, le=0.05, description="sigma of landmark noise, of the square's side")
    jitter_share: Share = 0.35
    limb_drop: Share = 0.05
    recombined: Share = Field(
        default=0, description="share of examples in poses made of the limbs of several frames; needs a plate"
    )
    recombined_poses: int = Field(default=400, ge=1, le=20000, description="how many of them are made, once")
    keys_barred: Share = Field(
        default=0, description="refiner: share of the keys that an example's figure may not be drawn from"
    )
    line_width: tuple[float, float] = (0.7, 1.4)


class NextFrameConfig(Section):
    cycles: int = Field(
        default=5, ge=0, le=100, description="times the generator meets its own pictures, paired with real next frames"
    )
    rollouts: int = Field(default=24, ge=1, le=1000, description="short rollouts a cycle, from frames of the film")
    rollout_steps: int = Field(default=15, ge=1, le=1000)
    long_rollouts: int = Field(default=2, ge=0, le=100, description="long ones, of which one is from the last frame")
    long_steps: int = Field(default=100, ge=1, le=5000)
    own_share: Share = Field(default=0.5, description="share of examples that begin with its own pictures")
    rehearsals: int = Field(
        default=4000,
        ge=1,
        le=1000000,
        description="steps that generator.memory learns before the first picture",
    )
    unroll: int = Field(default=8, ge=1, le=32, description="most steps that it is fed its own picture in training")
    unrolled_at: float = Field(default=0.8, gt=0, le=1, description="share of the run at which it is unrolled most")
    noise: float = Field(default=0.04, ge=0, le=0.5, description="noise on what it looks at, of the range of levels")
    stir: float = Field(default=0.02, ge=0, le=0.5, description="noise on what is fed back when it performs")
    motion: Weight = Field(default=20, description="its motion energy, place by place, against the film's")
    guard: Share = Field(default=0.1, description="the drift guard's strength when it performs")


class RolloutConfig(Section):
    steps: int = Field(
        default=0,
        ge=0,
        le=16,
        description="0, or the generator sees its last picture too, and dances so many poses of its own before each "
        "one that it learns from",
    )
    restart: Share = Field(default=0.2, description="share of examples before which there was nobody")


class ScheduleConfig(Section):
    steps: int = Field(default=6000, ge=1, description="steps of the whole run; minutes may end it earlier")
    epochs: int | None = Field(default=None, ge=1, description="instead of steps: times that everything is seen")
    batch: int = Field(default=4, ge=1, le=256)
    learning_rate: float = Field(default=5e-4, gt=0, le=0.1)
    beta1: float = Field(default=0.5, ge=0, lt=1)
    beta2: float = Field(default=0.99, gt=0, lt=1)
    decay_from: Share = Field(default=0.5, description="share of the run after which the learning rate falls")
    decay_to: float = Field(default=0.1, ge=0, le=1, description="what is left of the learning rate at the end")
    ema: float = Field(default=0.998, ge=0, lt=1)
    bn_batches: int = Field(
        default=24, ge=1, le=500, description="batches that re-estimate BatchNorm for the averaged weights"
    )


class RunConfig(Section):
    sample_minutes: float = Field(default=3, gt=0)
    checkpoint_minutes: float = Field(default=2, gt=0)
    checkpoint_epochs: int | None = Field(default=None, ge=1, description="besides: one each so many epochs")
    keep_checkpoints: int = Field(default=2, ge=1)
    log_steps: int = Field(default=10, ge=1)
    sample_rows: int = Field(default=6, ge=1, le=32)
    judge_pose: bool = Field(default=True, description="look for the pose in held-out pictures, to choose the best")
    tensorboard: bool = True
    memory_gb: float = Field(default=6, gt=0, description="pairs are held decoded in memory up to this much")


class ColorizeConfig(Section):
    alone: Share = Field(default=0.85, description="share of the run in which L1 works without a discriminator")
    vivid: Weight = Field(
        default=4, description="not hues: extra weight of a pixel, for each 110 units of a and b off gray"
    )
    huber: float = Field(
        default=5, gt=0, le=110, description="not hues: units of a and b below which an error counts squared"
    )
    film: Share = Field(default=0.5, description="share of examples with the grain and tones of other cameras")
    whole: Share = Field(default=0.5, description="share of examples that show all of a picture, not a part")
    turn: float = Field(default=0, ge=0, le=45, description="degrees that half of the examples are turned by, at most")
    weight_decay: float = Field(default=0, ge=0, le=1, description="of the generator's convolutions (AdamW)")
    least_part: float = Field(default=0.5, gt=0, le=1, description="least share of each side that is cut out")


class TrainingConfig(Section):
    name: str = "dance"
    title: str = Field(default="", description="what the bundle is called on stage")
    licence: str = ""
    credits: str = ""
    method: Literal["pix2pix", "next_frame", "colorize", "cyclegan", "fastcut"] = "pix2pix"
    size: int = Field(default=256, ge=32, le=2048, multiple_of=32)
    wide: int | None = Field(
        default=None, ge=32, le=2048, multiple_of=32, description="width where it is not a square; size is the height"
    )
    output: Literal["auto", "figure", "image"] = Field(
        default="auto",
        description="figure: color and matte over the plate; image: all of it; auto: figure if all shots are static",
    )
    seed: int = Field(default=1, ge=0)
    precision: Literal["auto", "f32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
    losses: LossesConfig = LossesConfig()
    style: StyleConfig = StyleConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    next_frame: NextFrameConfig = NextFrameConfig()
    rollout: RolloutConfig = RolloutConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    run: RunConfig = RunConfig()
    colorize: ColorizeConfig = ColorizeConfig()

    def steps_for(self, count: int) -> int:
        """Steps of the whole run, where there are `count` examples to learn from."""
        if self.schedule.epochs is None:
            return self.schedule.steps
        return self.schedule.epochs * self.epoch_steps(count)

    def epoch_steps(self, count: int) -> int:
        return max(1, count // self.schedule.batch)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of what the generator sees and gives."""
        return self.size, self.wide or self.size

    def as_wide_as(self, width: int) -> "TrainingConfig":
        """The same with a generator of `width` channels."""
        return self.model_copy(update={"generator": self.generator.model_copy(update={"width": width})})


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """The config in `path` (TOML, or the config.json of a run) with `overrides` ("losses.l1=30") laid over it.

    Raises ConfigError naming file, key, value and what is allowed.
    """
    return config_from(read_values(path, overrides), str(path))


def named_config(given: str) -> tuple[str, TrainingConfig]:
    """A config and what to call it, from a file with overrides behind it: "dance.toml+losses.l1=10+schedule.batch=8".

    Raises ConfigError as `load_config` does.
    """
    file, *overrides = given.split("+")
    name = "+".join([Path(file).stem, *overrides]).replace("/", "-").replace(" ", "")
    return name, load_config(Path(file), overrides)


def config_from(values: Mapping[str, Any], origin: str) -> TrainingConfig:
    """`values` as a checked config; `origin` is named in the sentence of a ConfigError."""
    return checked(TrainingConfig, values, origin)


def method_of(path: Path, overrides: Sequence[str] = ()) -> str:
    """The method that a config names, whatever else it says. Raises ConfigError when it cannot be read."""
    return str(read_values(path, overrides).get("method", TrainingConfig.model_fields["method"].default))
