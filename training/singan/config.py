"""What a training from one picture is: read from a TOML file, checked, frozen. No value is changed on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from training.config_files import Section, Share, Weight, checked, read_values

Purpose = Literal["samples", "redraw"]


class PyramidConfig(Section):
    coarsest: int = Field(default=25, ge=12, le=256, description="shorter side of the coarsest scale, px")
    largest: int = Field(default=250, ge=32, le=2048, description="longer side of the finest scale, px")
    stages: int = Field(default=6, ge=0, le=20, description="how many scales; 0 takes as many as `factor` needs")
    factor: float = Field(default=0.75, gt=0.3, lt=0.95, description="from one scale to the next coarser, about")
    spacing: Literal["even", "dense_coarse"] = Field(
        default="dense_coarse", description="dense_coarse: ConSinGAN's, more scales where the layout is decided"
    )


class NetworksConfig(Section):
    kind: Literal["growing", "chain"] = Field(
        default="growing", description="growing: features pass through all stages; chain: a picture from net to net"
    )
    width: int = Field(default=64, ge=4, le=256, description="channels at the coarsest scale")
    double_every: int = Field(default=0, ge=0, le=20, description="channels double every so many scales; 0 never")
    most: int = Field(default=128, ge=4, le=512, description="channels are never more than this")
    layers: int = Field(default=3, ge=1, le=8, description="convolutions a stage; in a chain and its critic: in all")
    norm: Literal["none", "batch"] = "none"
    slope: float = Field(default=0.05, ge=0, lt=1, description="of the leaky ReLU")


class LearningConfig(Section):
    iterations: int = Field(default=1000, ge=1, le=100_000, description="a scale")
    critic_steps: int = Field(default=1, ge=1, le=10)
    generator_steps: int = Field(default=1, ge=1, le=10)
    together: int = Field(default=3, ge=1, le=20, description="the newest stages that learn at once; a chain: 1")
    rate: float = Field(default=5e-4, gt=0, le=0.1)
    older_rate: float = Field(default=0.1, gt=0, le=1, description="of the rate, for each stage that is older")
    beta1: float = Field(default=0.5, ge=0, lt=1)
    decay_from: Share = Field(default=0.8, description="share of a scale's iterations after which the rates fall")
    decay_to: float = Field(default=0.1, gt=0, le=1)
    reconstruction: Weight = Field(default=10, description="squared error of the picture itself (the paper's alpha)")
    penalty: Weight = Field(default=0.1, description="gradient penalty (the paper's lambda)")
    penalty_every: int = Field(default=1, ge=1, le=32, description="lazily, and so many times as strong")
    noise: float = Field(default=0.1, ge=0, le=2, description="noise of a scale in RMS errors of the one before")
    states: int = Field(default=48, ge=2, le=1000, description="frozen scales are run for so many samples, not anew")
    renew_every: int = Field(default=4, ge=1, le=1000, description="steps after which one of them is replaced")


class SinganRunConfig(Section):
    sample_iterations: int = Field(default=250, ge=1)
    log_iterations: int = Field(default=25, ge=1)
    keep_checkpoints: int = Field(default=2, ge=1)


class SinganConfig(Section):
    name: str = "picture"
    title: str = Field(default="", description="what the bundle is called on stage")
    licence: str = ""
    credits: str = ""
    method: Literal["singan"] = "singan"
    purpose: Purpose = Field(
        default="samples", description="samples: from noise; redraw: a foreign picture in the manner of this one"
    )
    seed: int = Field(default=1, ge=0)
    precision: Literal["auto", "f32", "bf16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    pyramid: PyramidConfig = PyramidConfig()
    networks: NetworksConfig = NetworksConfig()
    learning: LearningConfig = LearningConfig()
    run: SinganRunConfig = SinganRunConfig()

    @model_validator(mode="after")
    def _fits_together(self) -> "SinganConfig":
        if self.networks.kind == "chain" and self.learning.together != 1:
            raise ValueError("learning.together is 1 where networks.kind is 'chain': its nets learn one by one")
        if self.networks.kind == "chain" and self.purpose == "redraw":
            raise ValueError("purpose 'redraw' is for networks.kind 'growing'; a chain takes pictures anyway")
        if self.pyramid.coarsest >= self.pyramid.largest:
            raise ValueError("pyramid.coarsest must be less than pyramid.largest")
        return self


def load_singan_config(path: Path, overrides: Sequence[str] = ()) -> SinganConfig:
    """The config in `path` with `overrides` ("pyramid.largest=128") laid over it. Raises ConfigError."""
    return checked(SinganConfig, read_values(path, overrides), str(path))
