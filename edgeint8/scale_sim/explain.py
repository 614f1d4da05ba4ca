"""The quantities behind one prediction, by name: the worked example of docs/cost_model.md.

python -m edgeint8.scale_sim.explain h34w34_r3s3_c16_m16_u1v1 ws_16x16_32kB_16Bpc
"""

import sys
from collections.abc import Iterator

from edgeint8.arch.cost.systolic import map_layer, serial_cycles
from edgeint8.arch.machine.hardware import Hardware, parse_hardware_id
from edgeint8.arch.network.layers import LayerShape, parse_shape_id
from edgeint8.conventions import KIB
from edgeint8.dataflow import layout_of
from edgeint8.errors import EdgeInt8Error
from edgeint8.scale_sim.replica.misses import Misses
from edgeint8.scale_sim.replica.read_port import ReadPort
from edgeint8.scale_sim.replica.replica import predict, read_misses
from edgeint8.scale_sim.replica.stack import operand_stack
from edgeint8.scale_sim.replica.window import read_window

EXAMPLE = ("h34w34_r3s3_c16_m16_u1v1", "ws_16x16_32kB_16Bpc")


def explain(shape: LayerShape, hardware: Hardware) -> str:
    """The mapping, each operand's stack, window and misses, and the reported quantities."""
    return "\n".join(_lines(shape, hardware)) + "\n"


def _lines(shape: LayerShape, hardware: Hardware) -> Iterator[str]:
    mapping = map_layer(shape, hardware)
    yield f"P, K, M              {shape.output_pixels:,}, {shape.window:,}, {shape.filters:,}"
    yield (
        f"rows, columns, time  {mapping.spatial_rows:,}, {mapping.spatial_cols:,}, "
        f"{mapping.temporal:,}"
    )
    yield f"folds                {mapping.row_folds:,} x {mapping.col_folds:,}"
    yield f"lines of a fold      {mapping.fold_lines:,}"
    yield f"cycles, no stalls    {serial_cycles(mapping):,}"
    if hardware.bandwidth_bpc is not None:
        found = read_misses(shape, hardware)
        ifmap_role, filter_role = layout_of(hardware.dataflow).read_roles
        ifmap = operand_stack(mapping, ifmap_role), hardware.ifmap_sram_kb * KIB
        filter_ = operand_stack(mapping, filter_role), hardware.filter_sram_kb * KIB
        for name, (stack, buffer_bytes), misses in (
            ("ifmap", ifmap, found.ifmap),
            ("filter", filter_, found.filter),
        ):
            port = ReadPort(buffer_bytes, hardware.bandwidth_bpc, stack.padded_cells)
            window = read_window(buffer_bytes, stack.cells)
            yield f"{name} cells, in sets of  {stack.cells:,}, {window.set_cells:,}"
            yield f"{name} sets, in window    {window.sets:,}, {window.active:,}"
            yield f"{name} prefetch cycles    {port.prefetch_cycles:,}"
            yield f"{name} misses, in lines   {misses.total:,}, {len(misses.lines):,}"
            yield from _first_misses(misses, mapping.fold_lines)
    for name, value in predict(shape, hardware).quantities().items():
        yield f"{name:28} {value:,}" if isinstance(value, int) else f"{name:28} {value:.6g}"


def _first_misses(misses: Misses, fold_lines: int, shown: int = 6) -> Iterator[str]:
    for line, count in zip(misses.lines[:shown], misses.counts[:shown], strict=True):
        yield f"  fold {line // fold_lines}, line {line % fold_lines}: {count}"


def main(arguments: list[str]) -> None:
    """Print the explanation of a shape id and a hardware id; without arguments of `EXAMPLE`."""
    shape_id, hardware_id = arguments or EXAMPLE
    print(explain(parse_shape_id(shape_id), parse_hardware_id(hardware_id)), end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except EdgeInt8Error as error:
        sys.exit(str(error))
    except ValueError:
        sys.exit(str(__doc__))
