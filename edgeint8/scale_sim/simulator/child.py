"""The process in which SCALE-Sim runs: ``python -m`` this module ``<request.json>``.

It limits its own CPU time and memory, then calls SCALE-Sim through its API, the only way to
switch the traces off and the only way to give two different strides.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

MEMORY_EXIT = 77
"""Exit status when the memory limit stopped the run."""
STARTUP_FILE = "startup_cpu_seconds.txt"
"""CPU seconds of Python and its imports, so that a benchmark need not charge SCALE-Sim for them."""


def die_with_parent(parent_pid: int) -> None:
    """A killed study leaves no simulator behind; Linux only, elsewhere the CPU limit ends it."""
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent_pid:  # it died before it could be asked for
            sys.exit("the study that asked for this simulation is gone")


def set_limits(cpu_seconds: int, memory_bytes: int) -> None:
    """SIGXCPU after `cpu_seconds`; MemoryError beyond `memory_bytes` of address space."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_request(request: dict[str, Any]) -> None:
    """Run one layer; reports go to ``<output>/<run name>/``."""
    from scalesim.scale_sim import scalesim  # after the limits, which must hold for all of it

    simulator = scalesim(
        save_disk_space=True,
        verbose=False,
        config=request["config"],
        topology=request["topology"],
        layout=request["layout"],
    )
    # The topology file has room for one stride; the simulator reads the width's from this list.
    STRIDE_WIDTH = 8
    simulator.topo.topo_arrays[0][STRIDE_WIDTH] = request["stride_w"]
    Path(STARTUP_FILE).write_text(str(time.process_time()), encoding="utf-8")
    simulator.run_scale(top_path=request["output"])


def main() -> None:
    """Run the request whose JSON file is the first argument, within its limits."""
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    die_with_parent(request["parent_pid"])
    set_limits(request["cpu_seconds"], request["memory_bytes"])
    try:
        run_request(request)
    except MemoryError:
        sys.exit(MEMORY_EXIT)


if __name__ == "__main__":
    main()
