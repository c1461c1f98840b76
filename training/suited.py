"""What a config can learn of some pairs, and the sentence where it cannot."""

from engines.errors import ConfigError
from engines.pose.skeleton import DEFAULT_STYLE, SkeletonStyle
from training.config import TrainingConfig
from training.pairs.header import Shot
from training.pairs.store import PairSet
from training.posing import PosedFigures


def check_shape(pairs: PairSet, config: TrainingConfig) -> None:
    """Raises ConfigError where the pairs have no squares of the config's size."""
    if config.wide not in (None, config.size):
        raise ConfigError(f"wide is {config.wide}, but a dancer is learned in a square; leave it out")
    if config.size > min(pairs.header.size):
        raise ConfigError(
            f"size is {config.size}, but the pairs in {pairs.folder} are {pairs.header.size[0]} pixels; "
            f"set size={pairs.header.size[0]} or less, or build the pairs larger"
        )


def check_neighbors(config: TrainingConfig) -> None:
    """Raises ConfigError where a batch cannot hold frames with the frame after each."""
    if config.losses.temporal and config.schedule.batch % 2:
        raise ConfigError(
            f"schedule.batch is {config.schedule.batch}, but losses.temporal wants neighbors in twos: make it even"
        )


def learns_figure(pairs: PairSet, config: TrainingConfig) -> bool:
    """Whether the generator gives a figure to lay over the room, not the whole picture. Raises ConfigError."""
    held = [has_plate(shot) for shot in pairs.header.shots]
    if config.output == "figure" and not any(held):
        raise ConfigError(
            f"output is 'figure', but no shot in {pairs.folder} has a still camera and a plate; set output='image'"
        )
    return config.output != "image" and bool(held) and (config.output == "figure" or all(held))


def posed_figures(pairs: PairSet, config: TrainingConfig, figure: bool) -> PosedFigures | None:
    """What a refiner looks at beside the skeleton; None for other generators. Raises ConfigError."""
    if config.generator.kind != "refiner":
        return None
    if not figure:
        raise ConfigError(
            f"generator.kind is 'refiner', which gives a figure, but no room is known behind the dancer in "
            f"{pairs.folder}; film with a camera that stands still, or set generator.kind='light'"
        )
    if config.rollout.steps:
        raise ConfigError(
            f"rollout.steps is {config.rollout.steps}, but a refiner looks at a posed figure, not at its last picture; "
            "set it to 0, or generator.kind='light'"
        )
    if config.augmentation.recombined:
        raise ConfigError(
            f"augmentation.recombined is {config.augmentation.recombined:g}, but a refiner learns from filmed poses "
            "only: a made one is an atlas's figure already; set it to 0"
        )
    return PosedFigures(pairs, config.size)


def has_plate(shot: Shot) -> bool:
    """Whether the room behind the dancer is known."""
    return shot.static and shot.plate is not None


def style_of(pairs: PairSet) -> SkeletonStyle:
    """How the skeletons of these pairs are drawn."""
    style = pairs.header.skeleton
    if style is None:
        return DEFAULT_STYLE
    return style if isinstance(style, SkeletonStyle) else SkeletonStyle.model_validate(style)
