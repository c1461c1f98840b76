"""The naive serial loop that `bench live` is compared with: frame, MediaPipe, pix2pix U-Net in torch eager, show.

Written as one would from the papers and their repositories: one thread, one thing after the other, the published
54-million-parameter U-Net at 512 x 512 in float32, pygame's surfarray for the picture. Run by `bench live` in a process
of its own, because the stage never loads torch: `python -m training.baseline --seconds 12` prints one line of JSON.
"""

import argparse
import itertools
import json
import os
import time
from typing import Any

import numpy as np
import torch

from engines.images import Frame
from engines.pose.landmarks import Landmarks
from engines.pose.puppet import BuiltInDancer
from engines.pose.skeleton import drawn_skeleton
from engines.pose.tracker import Tracker
from training.networks.unet import UNet

SIZE = 512
WARM_FRAMES = 3
SOURCE_SIZE = (480, 640)


def published_unet() -> UNet:
    """The U-Net of pix2pix as its authors run it, 64 filters wide, 8 levels: 54.4 M parameters. Random weights."""
    return UNet(3, 3, width=64, downs=8, dropout=True).eval()


def measured(seconds: float) -> dict[str, Any]:
    """Rates of the serial loop over at least `seconds`: `baseline_fps`, and where the time of a frame goes."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    pygame.display.init()
    screen = pygame.display.set_mode((SIZE, SIZE))
    dancer, generator = BuiltInDancer(SOURCE_SIZE), published_unet()
    parts: dict[str, list[float]] = {"source_ms": [], "pose_ms": [], "generator_ms": [], "show_ms": []}
    frames: list[float] = []
    begin_s = time.perf_counter()
    with Tracker() as tracker, torch.no_grad():
        for number in itertools.count():
            if number > WARM_FRAMES and time.perf_counter() - frames[WARM_FRAMES - 1] >= seconds:
                break
            marks = [time.perf_counter()]
            frame = dancer.frame_at(marks[0] - begin_s)
            marks.append(time.perf_counter())
            landmarks = tracker.track(frame, marks[0]).landmarks
            marks.append(time.perf_counter())
            picture = generated(generator, landmarks)
            marks.append(time.perf_counter())
            pygame.surfarray.blit_array(screen, picture.swapaxes(0, 1))
            pygame.display.flip()
            marks.append(time.perf_counter())
            frames.append(marks[-1])
            for series, spent_s in zip(parts.values(), np.diff(marks), strict=True):
                series.append(float(spent_s) * 1000)
    pygame.display.quit()
    counted = len(frames) - WARM_FRAMES
    return {
        "baseline_fps": counted / (frames[-1] - frames[WARM_FRAMES - 1]),
        "frames": counted,
        "parameters": sum(parameter.numel() for parameter in generator.parameters()),
        "threads": torch.get_num_threads(),
        **{name: float(np.median(series[WARM_FRAMES:])) for name, series in parts.items()},
    }


def generated(generator: torch.nn.Module, landmarks: Landmarks | None) -> Frame:
    """Skeleton in, picture out, by way of torch in eager mode."""
    skeleton = np.zeros((SIZE, SIZE, 3), np.uint8) if landmarks is None else drawn_skeleton(landmarks, (SIZE, SIZE))
    given = torch.from_numpy(skeleton).permute(2, 0, 1)[None].float() / 127.5 - 1
    made = ((generator(given)[0] + 1) * 127.5).clamp(0, 255).to(torch.uint8)
    return made.permute(1, 2, 0).numpy()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=12.0)
    print(json.dumps(measured(parser.parse_args().seconds)))
