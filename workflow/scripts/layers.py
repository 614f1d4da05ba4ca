"""Rule layers: the layers of an ONNX file or of a SCALE-Sim topology."""

from edgeint8.arch.layers import layers_to_json
from edgeint8.arch.onnx_layers import layers_from_onnx
from edgeint8.files import write_json
from edgeint8.job import job

with job(snakemake.log[0]):
    write_json(snakemake.output.layers, layers_to_json(layers_from_onnx(snakemake.input.source)))
