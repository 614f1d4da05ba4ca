"""A small classifier and its ranges, for each module that quantises one."""

import onnx
import pytest
from float_networks import classifier, images

from edgeint8.quant.calibrate.calibration import Calibration
from edgeint8.quant.ptq import calibrate, prepare_model


@pytest.fixture(scope="module")
def network() -> onnx.ModelProto:
    return prepare_model(classifier())


@pytest.fixture(scope="module")
def calibration(network: onnx.ModelProto) -> Calibration:
    return calibrate(network, images(64), "minmax")
