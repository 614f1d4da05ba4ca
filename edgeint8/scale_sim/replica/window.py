"""What a read buffer holds in USER mode (docs/cost_model.md, equations 17 to 20).

SCALE-Sim divides an operand, in prefetch order, into sets. The active half of the buffer is a
window of consecutive sets. A demand for a cell outside the window is a miss: the window slides
one step along the operand, cyclically, and the demand is tried again. What happened to be
needed and lay behind the window comes back only after the window has gone all the way round.
"""

from typing import NamedTuple

from edgeint8.scale_sim.replica.compiled import compiled

_SETS_PER_BUFFER = 100


class Window(NamedTuple):
    """A cyclic window of `active` sets out of `sets`, each of `set_cells` cells.

    `step` sets are passed per miss; 0 when the whole operand lies in the window.
    """

    set_cells: int
    sets: int
    active: int
    step: int


def read_window(buffer_bytes: int, cells: int) -> Window:
    """Window of an operand of `cells` cells in a double buffer of `buffer_bytes`. Equation 17."""
    set_cells = -(-buffer_bytes // _SETS_PER_BUFFER)
    half_sets = -(-(buffer_bytes // 2) // set_cells)
    sets = cells // set_cells + 1
    active = min(half_sets, sets)
    return Window(set_cells, sets, active, min(half_sets, sets - active))


@compiled
def in_window(window: Window, start: int, rank: int) -> bool:
    """Whether a cell lies in the window: `sets_ahead` below `active`, without the division."""
    first = start * window.set_cells
    end = first + window.active * window.set_cells
    return first <= rank < end or rank < end - window.sets * window.set_cells


@compiled
def sets_ahead(window: Window, start: int, rank: int) -> int:
    """How many sets the cell lies after the window's start, going round. Equation 18."""
    ahead = rank // window.set_cells - start
    return ahead if ahead >= 0 else ahead + window.sets


@compiled
def steps_to(window: Window, ahead: int) -> int:
    """Misses until the window reaches a cell `ahead` sets after its start. Equation 19."""
    if ahead < window.active:
        return 0
    return (ahead - window.active) // window.step + 1


@compiled
def slide(window: Window, start: int, steps: int) -> int:
    """The window's start after `steps` misses. Equation 20."""
    return (start + steps * window.step) % window.sets


@compiled
def window_end_rank(window: Window, start: int, rank: int) -> int:
    """First rank after the window's end, for a cell of rank `rank` inside the window.

    Beyond the operand's last rank when the window wraps behind the cell.
    """
    last_set_ahead = window.active - sets_ahead(window, start, rank)
    return (rank // window.set_cells + last_set_ahead) * window.set_cells
