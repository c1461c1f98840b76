"""`understudy train --devices N`: this very command again, N times, as torchrun starts it."""

import subprocess
import sys
from collections.abc import Sequence

import torch

from engines.errors import ConfigError


def launched(arguments: Sequence[str], devices: int, nodes: int = 1, node: int = 0, meet: str = "") -> int:
    """Run `understudy ARGUMENTS` in `devices` processes on each of `nodes` machines; returns the exit code.

    `node` is this machine's number and `meet` host:port of machine 0, where there are several. Raises ConfigError.
    """
    gpus = torch.cuda.device_count()
    if gpus and devices > gpus:
        raise ConfigError(f"--devices is {devices}, but this machine has {gpus} GPU(s)")
    if nodes > 1 and not meet:
        raise ConfigError(f"--nodes is {nodes}, but --meet HOST:PORT does not say where machine 0 is")
    place = ["--standalone"] if nodes == 1 else ["--node-rank", str(node), "--rdzv-backend", "c10d"]
    if nodes > 1:
        place += ["--rdzv-endpoint", meet, "--rdzv-id", "understudy"]
    command = [sys.executable, "-m", "torch.distributed.run", *place, "--nnodes", str(nodes)]
    command += ["--nproc-per-node", str(devices), "-m", "understudy", *arguments]
    return subprocess.run(command).returncode
