"""What operators are, as far as a network's cost goes."""

import onnx

from edgeint8.arch.network.operators.convolutions import CONVOLUTIONS, TRANSPOSED
from edgeint8.arch.network.operators.matrices import MATRICES
from edgeint8.arch.network.operators.sequences import ATTENTIONS, RECURRENT

PRODUCTS = CONVOLUTIONS | TRANSPOSED | MATRICES | RECURRENT | ATTENTIONS
POOLS = frozenset(
    {"MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMean"}
    | {"QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearReduceMean", "NhwcMaxPool"}
)
# Operators that rename or regroup elements, or only change their number format.
NO_DATA = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"})
NUMBER_FORMAT = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"})
FOLDED = frozenset({"Relu", "Clip", "BatchNormalization", "QLinearLeakyRelu", "LeakyRelu"})
"""What every INT8 compiler folds into the layer before: limits, and a factor and sum a channel."""
ELEMENTWISE = FOLDED | frozenset(
    {"Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "PRelu", "Neg", "Abs", "Sqrt"}
    | {"Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Elu", "Erf", "Gelu", "Exp", "Mish"}
    | {"Softplus", "Softsign", "Selu", "Celu", "ThresholdedRelu", "Swish", "Round", "Floor"}
    | {"QLinearAdd", "QLinearMul", "QLinearSigmoid", "BiasGelu", "FastGelu", "QuickGelu"}
)
# Operators of ONNX Runtime and of ONNX's machine learning that hold no product.
_KNOWN_ELSEWHERE = frozenset(
    {"SkipLayerNormalization", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization"}
    | {"EmbedLayerNormalization", "RotaryEmbedding", "BiasSoftmax", "BiasAdd", "BiasSplitGelu"}
    | {"ReorderInput", "ReorderOutput", "MaxPool", "AveragePool", "GlobalMaxPool", "Upsample"}
    | {"GlobalAveragePool", "GatherND", "GatherBlockQuantized", "Trilu", "CropAndResize", "Pad"}
    | {"ExpandDims", "Range", "Unique", "GridSample", "Sampling", "Transpose", "GroupNorm"}
    | {"LayerNormalization", "QLinearConcat", "QLinearWhere", "QLinearSoftmax", "IsAllFinite"}
    | {"QLinearReduceMean", "QLinearAveragePool", "QLinearGlobalAveragePool", "QEmbedLayerNorm"}
    | {"NhwcMaxPool", "QGatherNd", "Resize", "ArrayFeatureExtractor", "Binarizer", "Imputer"}
    | {"LabelEncoder", "Normalizer", "OneHotEncoder", "Scaler", "CDist", "ZipMap", "CategoryMapper"}
    | {"QMoEUnpack", "DequantizeWithOrder", "QuantizeWithOrder", "QEmbedLayerNormalization"}
    | {"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "QLinearResizeBilinear"}
)
_WEIGHTS_IN_ATTRIBUTES = frozenset(
    {"LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor"}
)


def is_product(proto: onnx.NodeProto) -> bool:
    """Whether a node multiplies matrices, known to this package or not by more than its name."""
    return proto.op_type in PRODUCTS or has_weights_inside(proto)


def foreign(proto: onnx.NodeProto) -> bool:
    """Whether nobody here knows an operator: not ONNX's own, and in none of the lists above."""
    known = PRODUCTS | ELEMENTWISE | _KNOWN_ELSEWHERE | NO_DATA | NUMBER_FORMAT
    return proto.domain not in ("", "ai.onnx") and proto.op_type not in known


def has_weights_inside(proto: onnx.NodeProto) -> bool:
    """Operators whose weights are attributes, and attentions in forms that are not mapped."""
    strange = proto.op_type not in ATTENTIONS and "Attention" in proto.op_type
    return proto.op_type in _WEIGHTS_IN_ATTRIBUTES or strange
