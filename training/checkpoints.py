"""Checkpoints: RUN/checkpoints/step-0001234/, tensors in safetensors, the rest in JSON; no pickle anywhere.

A checkpoint is written beside its place and renamed into it, so a run killed at any byte still has its last complete
one. Batches and noise are functions of seed and step, so there is no random state to keep. RUN/best/ holds one more of
the same form: the state that did best on held-out pairs.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from engines.errors import BadInput, UnderstudyError

Networks = Mapping[str, nn.Module]
Optimizers = Mapping[str, torch.optim.Optimizer]
Said = dict[str, Any]

CHECKPOINTS, BEST = "checkpoints", "best"
TENSORS, SAID = "state.safetensors", "state.json"


def write_checkpoint(
    run: Path, step: int, networks: Networks, optimizers: Optimizers, said: Said, keep: int, best: bool = False
) -> Path:
    """Write the state after `step` steps and forget all but the newest `keep`. `said` is JSON for the loop itself.

    `best` puts it into RUN/best instead. Raises UnderstudyError when it cannot be written; older ones are untouched.
    """
    tensors = {f"{name}/{key}": tensor for name, net in networks.items() for key, tensor in net.state_dict().items()}
    groups: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        groups[name] = state["param_groups"]
        for index, moments in state["state"].items():
            tensors |= {f"{name}.optimizer/{index}/{key}": torch.as_tensor(value) for key, value in moments.items()}
    place = run / (BEST if best else CHECKPOINTS) / f"step-{step:07d}"
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        _write(part / TENSORS, save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}))
        _write(part / SAID, json.dumps({"step": step, "groups": groups, "loop": said}).encode())
        shutil.rmtree(place, ignore_errors=True)
        os.replace(part, place)
    except OSError as error:
        raise UnderstudyError(
            f"{place}: the checkpoint cannot be written ({error.strerror}); the last complete one is kept, "
            "free some space and resume"
        ) from error
    for old in _complete(place.parent)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return place


def checkpoints(run: Path) -> list[Path]:
    """Complete checkpoints of a run, oldest first."""
    return _complete(run / CHECKPOINTS)


def latest_checkpoint(run: Path) -> Path:
    found = checkpoints(run)
    if not found:
        raise BadInput(f"{run}: holds no checkpoint of a training; train it first")
    return found[-1]


def best_checkpoint(run: Path) -> Path | None:
    """The state that did best on held-out pairs, if any was judged."""
    found = _complete(run / BEST)
    return found[-1] if found else None


def said_in(place: Path) -> Said:
    """What the loop had to say in a checkpoint, without its tensors."""
    return _json(place)["loop"]


def read_checkpoint(place: Path, networks: Networks, optimizers: Optimizers | None = None) -> tuple[int, Said]:
    """Load a checkpoint into `networks` (and `optimizers`); returns the steps done and what the loop had to say."""
    tensors, said = _read(place)
    for name, network in networks.items():
        try:
            network.load_state_dict(_under(tensors, f"{name}/"))
        except RuntimeError as error:
            first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
            raise BadInput(f"{place}: does not fit the network {name!r} of this config: {first}") from None
    for name, optimizer in (optimizers or {}).items():
        optimizer.load_state_dict({"state": _moments(tensors, name), "param_groups": said["groups"][name]})
        _lay_out(optimizer)
    return int(said["step"]), said["loop"]


def _read(place: Path) -> tuple[dict[str, Tensor], Said]:
    try:
        return load((place / TENSORS).read_bytes()), _json(place)
    except (OSError, ValueError, SafetensorError) as error:
        raise _damaged(place, error) from None


def _json(place: Path) -> Said:
    try:
        return dict(json.loads((place / SAID).read_text()))
    except (OSError, ValueError) as error:
        raise _damaged(place, error) from None


def _damaged(place: Path, error: Exception) -> BadInput:
    return BadInput(f"{place}: this checkpoint is damaged ({error}); delete it and resume from the one before")


def _complete(folder: Path) -> list[Path]:
    return sorted(place for place in folder.glob("step-*") if (place / SAID).is_file())


def _moments(tensors: dict[str, Tensor], name: str) -> dict[int, dict[str, Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in _under(tensors, f"{name}.optimizer/").items():
        index, moment = key.split("/")
        moments.setdefault(int(index), {})[moment] = tensor
    return moments


def _lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Moments in the memory order of their parameters: fused Adam walks both alike, whatever their strides say."""
    for parameter, state in optimizer.state.items():
        for key, moment in state.items():
            if moment.shape == parameter.shape:
                state[key] = torch.empty_like(parameter).copy_(moment)


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): tensor for key, tensor in tensors.items() if key.startswith(prefix)}


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
