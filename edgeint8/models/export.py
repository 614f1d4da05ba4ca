"""From trained weights to ONNX, with the difference between the two measured."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from edgeint8.errors import ModelError
from edgeint8.files import atomic_path
from edgeint8.models.memory import peak_memory_bytes
from edgeint8.models.networks.facts import count_parameters, input_shape
from edgeint8.models.networks.registry import build_model

OPSET = 17


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the state dictionary, whole or not at all."""
    content = io.BytesIO()  # torch would call a full disk a RuntimeError
    torch.save(model.state_dict(), content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())


def load_weights(name: str, path: str | Path) -> nn.Module:
    """Build the network called `name` and load its weights; code in the file is never run."""
    model = build_model(name, seed=0)
    try:
        model.load_state_dict(torch.load(path, weights_only=True))
    except FileNotFoundError:
        raise ModelError("file does not exist", where=str(path)) from None
    except Exception as error:  # torch raises many types for a broken file
        raise ModelError(
            f"these are not weights of {name} ({str(error).splitlines()[0]})", where=str(path)
        ) from None
    return model.eval()


def export_onnx(model: nn.Module, path: str | Path) -> None:
    """Export with a dynamic batch and check the result.

    The legacy exporter, because it keeps GlobalAveragePool, which ONNX Runtime quantises; the
    dynamo exporter makes a ReduceMean of it, which stays float. Both fold BatchNorm.
    """
    model.eval()
    sample = torch.zeros(1, *input_shape(model))
    with atomic_path(path) as temporary:
        torch.onnx.export(
            model,
            (sample,),
            temporary,
            dynamo=False,
            opset_version=OPSET,
            input_names=["input"],
            output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )
        onnx.checker.check_model(onnx.load(temporary), full_check=True)


def torch_ort_max_abs_diff(
    model: nn.Module, path: str | Path, inputs: NDArray[np.float32]
) -> float:
    """Largest difference between the scores of torch and of ONNX Runtime over `inputs`."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = model(torch.from_numpy(inputs)).numpy()
    found = session.run(None, {session.get_inputs()[0].name: inputs})[0]
    return float(np.abs(expected - found).max())


def export_facts(model: nn.Module, path: str | Path, difference: float) -> dict[str, Any]:
    """What the baseline table says of the exported file."""
    return {
        "parameters": count_parameters(model),
        "size_bytes": Path(path).stat().st_size,
        "peak_memory_bytes": peak_memory_bytes(onnx.load(path)),
        "torch_ort_max_abs_diff": difference,
    }
