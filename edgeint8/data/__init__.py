"""What travels with the package: machines, the schema of study files, topologies."""

from pathlib import Path

_FOLDER = Path(__file__).parent
HARDWARE = _FOLDER / "hardware"  # one real machine a YAML file
TOPOLOGIES = _FOLDER / "topologies"  # networks of papers, as SCALE-Sim reads them
STUDY_SCHEMA = _FOLDER / "study.schema.yaml"
VECTORS_SCHEMA = _FOLDER / "manifest.schema.json"  # of test vectors
