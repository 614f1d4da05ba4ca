"""Every table of a study, those that a given study makes, and the tables each figure draws."""

from edgeint8.tables import designs, learning, part_a, part_b, part_c, part_d
from edgeint8.tables.table import Part, Table

TABLES: dict[str, Table] = {
    table.name: table
    for module in (part_a, part_b, learning, part_c, part_d, designs)
    for table in module.TABLES
}
PARTS: tuple[Part, ...] = ("status", "a", "b", "c", "d")
TABLES_OF_PART: dict[Part, tuple[str, ...]] = {
    part: tuple(name for name, table in TABLES.items() if table.part == part) for part in PARTS
}
FIGURE_TABLES = {
    "accuracy": ("quantization",),
    "latency": ("quantization",),
    "accuracy_latency": ("quantization",),
    "sensitivity": ("sensitivity", "mixed_precision"),
    "weight_histograms": ("histograms", "layer_traits"),
    "activation_histograms": ("histograms", "levels"),
    "unused_levels": ("levels",),
    "accumulator_width": ("bit_growth",),
    "overflow": ("overflow",),
    "account": ("physics", "dse"),
    "cycles_by_array": ("dse",),
    "cycles_by_sram": ("dse",),
    "cycle_causes": ("roofline", "dse"),
    "utilization": ("roofline", "dse"),
    "roofline": ("roofline", "dse"),
    "energy_by_part": ("energy", "dse"),
    "pareto_front": ("pareto", "dse", "best"),
    "codesign": ("codesign",),
}


def tables_of_study(
    *,
    names: bool,
    floats: bool,
    strategies: bool,
    static: bool,
    calibrated: bool,
    learned: bool,
    unbounded: bool,
    static_detail: bool,
    detail: bool,
    hardware: bool,
    budgets: bool = False,
    priced: bool = True,
    tflite: bool = False,
    rtl: bool = False,
    suite: bool = False,
) -> dict[Part, tuple[str, ...]]:
    """The tables of each part that a study makes, from what it selects.

    names: any workload; floats: any network that came as floats; strategies: any network with a
    strategy, be it the one that it came with; static: any of these that is not dynamic; calibrated:
    any that the study calibrates; budgets: any with a budget of bits; learned, unbounded: any whose
    codes it learns, and any of these without a bound on its sums; detail, static_detail: any that
    gets the costly parts, and any of these that the study calibrates; hardware: any machine;
    priced: any network that is calibrated and has a machine; tflite: any network that came so; rtl:
    any machine in RTL; suite: a machine for several networks.
    """
    parts = {"status": names, "a": floats, "b": strategies, "c": strategies, "d": hardware}
    met = {
        "": True,
        "calibrated": calibrated,
        "budgets": budgets,
        "learned": learned,
        "unbounded": unbounded,
        "priced": calibrated and priced,
        "static": static,
        "static_detail": static_detail,
        "detail": detail,
        "tflite": tflite,
        "rtl": detail and rtl,
        "suite": suite,
    }
    return {
        part: tuple(name for name in of_part if parts[part] and met[TABLES[name].needs])
        for part, of_part in TABLES_OF_PART.items()
    }
