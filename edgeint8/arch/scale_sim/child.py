"""The process in which SCALE-Sim runs: ``python -m edgeint8.arch.scale_sim.child <request.json>``.

It limits its own CPU time and memory, then calls SCALE-Sim through its API, the only way to
switch the traces off and the only way to give two different strides.
"""

import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY_EXIT = 77
"""Exit status when the memory limit stopped the run."""


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
    simulator.run_scale(top_path=request["output"])


def main() -> None:
    request = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    set_limits(request["cpu_seconds"], request["memory_bytes"])
    try:
        run_request(request)
    except MemoryError:
        sys.exit(MEMORY_EXIT)


if __name__ == "__main__":
    main()
