"""AIMET's side of ptq_peers.py, run by the Python of AIMET's own environment.

    python benchmarks/peer_aimet.py < request.json

Weights are symmetric, activations have eight bits and a zero-point, as AIMET's default
configurations say; biases stay float in its simulation.
"""

from typing import Any

import numpy as np
import onnx
import torch
from aimet_onnx import QuantizationSimModel, apply_adaround, apply_seq_mse
from aimet_onnx.cross_layer_equalization import equalize_model
from peer_child import Run, answer

CONFIGS = {True: "default_config_per_channel.json", False: "default_config.json"}
ONE_THREAD = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}


def quantised(request: dict[str, Any], batches: list[np.ndarray]) -> Run:
    """The network as AIMET simulates it after the steps that are asked for, in their order."""
    model = onnx.load(request["network"])
    name = model.graph.input[0].name
    images = [{name: batch} for batch in batches]
    if "cle" in request["steps"]:
        equalize_model(model)  # in place, before there is a simulation
    sim = QuantizationSimModel(
        model,
        param_type=f"int{request['weight_bits']}",
        activation_type="int8",
        config_file=CONFIGS[request["per_channel"]],
        session_options_kwargs=ONE_THREAD,
    )
    if "seq_mse" in request["steps"]:
        apply_seq_mse(sim, images)
    if "adaround" in request["steps"]:
        apply_adaround(sim, images, num_iterations=request["iterations"])
    sim.compute_encodings(images)
    return lambda batch: sim.session.run(None, {name: batch})[0]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002  AIMET draws from NumPy's global generator
    answer(quantised, ("aimet-onnx", "torch", "onnxruntime"))
