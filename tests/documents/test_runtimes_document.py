"""docs/runtimes.md says what the runtimes are and compute."""

from pathlib import Path

from edgeint8.fixed_point.runtimes.known import RULES, RUNTIMES

PAGE = (Path(__file__).parents[2] / "docs/runtimes.md").read_text(encoding="utf-8")


def test_every_rule_stands_in_the_table():
    for operator, words in RULES.items():
        assert f"| {operator} | {' | '.join(words)} |" in PAGE


def test_every_runtime_and_its_version_are_named():
    for name, runtime in RUNTIMES.items():
        assert f"| `{name}` |" in PAGE
        package = runtime.version.replace("onnxruntime", "ONNX Runtime").split(",")[0]
        assert package.removesuffix(" built with CMSIS_NN_USE_SINGLE_ROUNDING") in PAGE
