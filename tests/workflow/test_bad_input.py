"""What a user sees when something is wrong: status not 0, one clear line, nothing broken left."""

import pytest
import yaml

from edgeint8.models.cifar10 import BINARY_MD5


def run(project, overlay, *arguments):
    """Run a study with an overlay; returns the finished process."""
    config = project.run_dir / "my.yaml"
    config.write_text(yaml.safe_dump(overlay))
    return project.snakemake(*arguments, "--configfile", str(config), check=False)


@pytest.mark.parametrize(
    ("overlay", "line"),
    [
        ({"run": {"workloads": ["tiny_cnn"]}}, "error: no workloads entry is called 'tiny_cnn' @"),
        ({"run": {"strategies": ["asym"]}}, "error: no strategies entry is called 'asym' @ $.run"),
        ({"seeed": 1}, "error: unknown key 'seeed' @ $; allowed: seed, data_dir"),
        ({"golden": {"images": "many"}}, "error: 'many' is not accepted @ $.golden.images"),
    ],
)
def test_a_wrong_study_is_refused_before_anything_runs(project, overlay, line):
    result = run(project, overlay, "-n")
    assert result.returncode != 0
    assert [text for text in result.stderr.splitlines() if text.startswith(line)]
    assert "Traceback" not in result.stderr
    assert not (project.run_dir / "results").exists()


@pytest.mark.parametrize("damage", ["missing", "cut off", "wrong md5"])
def test_damaged_data_names_the_file_and_leaves_nothing(project, damage):
    folder = project.run_dir / "data/cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for name in BINARY_MD5:
        (folder / name).write_bytes(b"\0" * 30_730_000 if damage == "wrong md5" else b"\0" * 999)
    if damage == "missing":
        (folder / "data_batch_1.bin").unlink()
    target = "results/data/cifar10/arrays.npz"
    result = run(project, {}, target)
    assert result.returncode != 0
    lines = [text for text in result.stderr.splitlines() if text.startswith("error: ")]
    assert len(lines) == 1 and "data_batch_1.bin" in lines[0] and "; allowed: " in lines[0]
    assert not list((project.run_dir / "results/data/cifar10").glob("*"))


def test_no_source_left_says_what_was_tried(project):
    overlay = {"datasets": {"cifar10": {"sources": ["data_dir"]}}}
    result = run(project, overlay, "results/data/cifar10/arrays.npz")
    assert result.returncode != 0
    assert "error: CIFAR-10 is not available (data_dir: no cifar-10-batches-bin" in result.stderr


def test_a_hardware_id_that_does_not_parse(project):
    result = run(project, {}, "results/tiny_cnn_2d/hw/xs_1x1.csv", "-n")
    assert result.returncode != 0
    output = result.stdout + result.stderr
    assert "MissingRuleException" in output and "xs_1x1.csv" in output
