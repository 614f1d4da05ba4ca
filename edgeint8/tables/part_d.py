"""Tables of Part D: layers on the machines of a study."""

from edgeint8.tables.table import HARDWARE, LAYER, WORKLOAD, Column, Table, integer, number, text

CAUSES = ("compute", "dram_bandwidth", "fill_drain", "fold_edges", "stalls")
ENERGY_BAND = (
    number("energy_pj_low", "pJ", "an inference, low constants"),
    number("energy_pj", "pJ", "mid constants"),
    number("energy_pj_high", "pJ", "high constants"),
)
AREA: Column = number("area_mm2", "mm2", "at 45 nm, mid constants")
OF_ONE_INFERENCE = (
    integer("images_a_run", "", "of the network's batch; totals are of one inference, one image"),
    text(
        "incomplete",
        "what the totals lack, such as work nobody could count; nothing is recommended",
    ),
)
BOUND_BY: Column = text("bound_by", "what binds it, of the layers that take most cycles")

CROSSCHECK = Table(
    "crosscheck",
    "d",
    "One row a (workload, layer, machine, quantity): SCALE-Sim's reports against the replica. "
    "Integers must be equal; ratios that agree to 1e-9 differ by 0.",
    (
        WORKLOAD,
        LAYER,
        HARDWARE,
        text("mode", "`calc`: unlimited bandwidth, `user`: a given one"),
        text("quantity"),
        number("simulated", "", "parsed from SCALE-Sim's reports"),
        number("predicted", "", "by the replica"),
        number("difference"),
    ),
)

PHYSICS = Table(
    "physics",
    "d",
    "One row a term of SCALE-Sim minus physics. The term `physics` is the physical model's "
    "number; [cost_model_account.md](cost_model_account.md) derives the others.",
    (
        WORKLOAD,
        LAYER,
        HARDWARE,
        text("quantity"),
        number("scalesim", "", "the sum of the values of all terms"),
        text("term"),
        number("value"),
    ),
    (text("mode", "`calc` or `user`"),),
)

DSE = Table(
    "dse",
    "d",
    "One row a (workload, machine): one inference.",
    (
        WORKLOAD,
        HARDWARE,
        integer("rows", "", "of the array"),
        integer("cols", "", "of the array"),
        text("dataflow", "`ws`, `os` or `is`"),
        text("sram_kb", "per operand; ifmap/filter/ofmap where they differ", "KiB"),
        text("bandwidth", "of DRAM, per port, or `unlimited`", "bytes per cycle"),
        number("scalesim_cycles", "cycles", "as SCALE-Sim counts them, layers on the array"),
        number("scalesim_stall_cycles", "cycles", "of these"),
        number("bound_cycles", "cycles", "all layers: no machine of this kind is faster"),
        number(
            "machine_cycles",
            "cycles",
            "all layers on a machine that waits for tiles ([machine.md](machine.md)); empty for "
            "one without a shared bus",
        ),
        number("utilization", "share", "MACs over what the array could do in `bound_cycles`"),
        number(
            "dram_bytes",
            "bytes",
            "of the machine that waits for tiles, as the energies; the bound's where there is none",
        ),
        *ENERGY_BAND,
        AREA,
        BOUND_BY,
    ),
    (
        number("scalesim_utilization", "share", "the same in `scalesim_cycles`"),
        number("schedule_cycles", "cycles", "a tile-by-tile schedule"),
        number("bound_stall_cycles", "cycles", "of the bound's, that wait for DRAM"),
        number(
            "bound_pipelined_cycles",
            "cycles",
            "the bound with pipelined folds; equal where the machine has them",
        ),
        number("model_ms", "ms", "`bound_cycles` at the machine's clock"),
        number("area_mm2_low", "mm2", "low constants"),
        number("area_mm2_high", "mm2", "high constants"),
        text(
            "constants", "whose: `published`, or the file and how many it replaces; a type of DRAM"
        ),
        *OF_ONE_INFERENCE,
    ),
)

INFEASIBLE = Table(
    "infeasible",
    "d",
    "One row a (workload, machine) whose buffers do not hold the smallest tile of some layer. Such "
    "a pair has no rows in the tables of the models; no rows where all fit.",
    (WORKLOAD, HARDWARE, text("reason", "layer, machine and sizes")),
)

ROOFLINE = Table(
    "roofline",
    "d",
    "One row a (workload, layer, machine): a run of the network, with all images of its batch.",
    (
        WORKLOAD,
        LAYER,
        HARDWARE,
        integer("macs"),
        integer("bytes", "bytes", "from and to DRAM"),
        number("intensity", "MAC per byte"),
        number("ridge", "MAC per byte", "of the machine"),
        number("attainable", "MAC per cycle", "under the roof"),
        number("achieved", "MAC per cycle", "in `bound_cycles`"),
        text("bound_by", "the cause that takes most of the layer's cycles"),
    ),
    (
        text("operator"),
        integer("bound_cycles", "cycles"),
        *(number(f"{cause}_cycles", "cycles", "of the bound's, by this cause") for cause in CAUSES),
        integer("schedule_cycles", "cycles", "a tile-by-tile schedule"),
        integer("lower_bound_cycles", "cycles", "no schedule of any kind is faster"),
        integer("upper_bound_cycles", "cycles", "no schedule need be slower"),
    ),
)

SCALING = Table(
    "scaling",
    "d",
    "One row a (workload, machine, resource): what doubling it buys.",
    (
        WORKLOAD,
        HARDWARE,
        text("resource", "`rows`, `cols`, `sram` or `bandwidth`"),
        integer("bound_cycles_now", "cycles"),
        integer("bound_cycles_doubled", "cycles"),
    ),
    (
        number("speedup"),
        integer("dram_bytes_now", "bytes"),
        integer("dram_bytes_doubled", "bytes"),
        text("bound_by_now"),
        text("bound_by_doubled"),
    ),
)

ENERGY = Table(
    "energy",
    "d",
    "One row a (workload, machine, number format, level of the constants): INT8 against FP32.",
    (
        WORKLOAD,
        HARDWARE,
        text("number_format", "`int8` or `fp32`"),
        text("level", "`low`, `mid` or `high` constants"),
        number("total_pj", "pJ", "an inference"),
        number("bound_cycles", "cycles"),
        number("dram_bytes", "bytes"),
        number("area_mm2", "mm2", "at 45 nm"),
    ),
    (
        *(
            number(f"{part}_pj", "pJ", "of the total")
            for part in (
                *("mac", "registers", "clock", "ifmap_sram", "filter_sram", "ofmap_sram"),
                *("sram_leakage", "dram"),
            )
        ),
        *OF_ONE_INFERENCE,
    ),
)

SWITCHING = Table(
    "switching",
    "d",
    "One row a (workload, machine, layer), and one of the network, `total`: a dataflow for each "
    "layer against one for all. In the row `total`, `best` is the best fixed dataflow and "
    "`bound_cycles_best` what switching reaches.",
    (
        WORKLOAD,
        HARDWARE,
        LAYER,
        integer("bound_cycles_ws", "cycles"),
        integer("bound_cycles_os", "cycles"),
        integer("bound_cycles_is", "cycles"),
        text("best", "dataflow"),
        integer("bound_cycles_best", "cycles"),
    ),
)

PACKING = Table(
    "packing",
    "d",
    "One row a (workload, depthwise or grouped layer, machine): group by group, and with groups "
    "packed block-diagonally into one dense problem. No rows for networks without such layers.",
    (
        WORKLOAD,
        LAYER,
        HARDWARE,
        text("operator", "`depthwise` or `grouped`"),
        integer("groups", "", "of the layer; a depthwise layer has one per channel"),
        integer("bound_cycles_alone", "cycles", "of the array, folds serial, group by group"),
        number(
            "utilization_alone",
            "share",
            "of all cells and cycles that do useful MACs; zeros between the blocks do not count",
        ),
        integer(
            "groups_together",
            "",
            "groups in one problem at the best packing; 1 where packing wins nothing",
        ),
        integer("bound_cycles_packed", "cycles", "at the best packing"),
        number("utilization_packed", "share", "the same at the best packing"),
    ),
    (
        integer("filter_bytes_alone", "bytes"),
        integer("filter_bytes_packed", "bytes", "with the zeros"),
    ),
)

MEMORY = Table(
    "memory",
    "d",
    "One row a network: what its INT8 graph takes on a microcontroller, operator by operator. No "
    "rows for topologies, whose edges nobody knows.",
    (
        WORKLOAD,
        text("graph", "the strategy whose graph it is, or `float`"),
        integer("arena_bytes", "bytes", "of activations, laid out as tflite-micro does"),
        integer("live_bytes", "bytes", "that live at one time: no layout takes less"),
        integer("flash_bytes", "bytes", "of weights, biases and scales"),
    ),
)

TABLES = (
    MEMORY,
    CROSSCHECK,
    PHYSICS,
    DSE,
    INFEASIBLE,
    ROOFLINE,
    SCALING,
    ENERGY,
    SWITCHING,
    PACKING,
)
