"""What SCALE-Sim will report of one layer on one machine, without running it."""

from edgeint8.arch.hardware import Hardware
from edgeint8.arch.layers import LayerShape
from edgeint8.arch.scale_sim.compute import (
    compute_utilization_percent,
    filter_lines,
    ifmap_lines,
    ofmap_lines,
    reported_sram_accesses,
)
from edgeint8.arch.systolic import (
    map_layer,
    mapping_efficiency_percent,
    overall_utilization_percent,
    serial_cycles,
)


def predict_quantities(shape: LayerShape, hardware: Hardware) -> dict[str, int | float]:
    """The reported quantities that are predicted, by their names in `LayerReports`."""
    mapping = map_layer(shape, hardware)
    predicted: dict[str, int | float] = {
        "mapping_efficiency_percent": mapping_efficiency_percent(mapping),
        "compute_utilization_percent": compute_utilization_percent(mapping),
    }
    ifmap, filter_, ofmap = reported_sram_accesses(mapping)
    predicted |= {
        "ifmap_sram_reads": ifmap,
        "filter_sram_reads": filter_,
        "ofmap_sram_writes": ofmap,
    }
    if hardware.mode == "calc":
        cycles = serial_cycles(mapping)
        predicted |= {
            "total_cycles": cycles,
            "stall_cycles": 0,
            "overall_utilization_percent": overall_utilization_percent(mapping, cycles),
            "ifmap_sram_start_cycle": ifmap_lines(mapping).first + 1,
            "ifmap_sram_stop_cycle": ifmap_lines(mapping).last + 1,
            "filter_sram_start_cycle": filter_lines(mapping).first + 1,
            "filter_sram_stop_cycle": filter_lines(mapping).last + 1,
            "ofmap_sram_start_cycle": ofmap_lines(mapping).first,
            "ofmap_sram_stop_cycle": ofmap_lines(mapping).last,
        }
    return predicted
