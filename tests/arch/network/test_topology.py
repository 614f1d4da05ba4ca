"""Topology files as they are published: commas, spaces, headers, strides, GEMM, remarks."""

import warnings
from pathlib import Path

import pytest

from edgeint8.arch.network.layers import Layer, LayerShape
from edgeint8.arch.network.topology import TopologyWarning, layers_from_topology
from edgeint8.errors import DataError

CONV_HEADER = (
    "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter,"
    " Strides,"
)


def read(tmp_path: Path, text: str) -> tuple[Layer, ...]:
    path = tmp_path / "net.csv"
    path.write_text(text)
    return layers_from_topology(path)


@pytest.mark.parametrize(
    "row",
    [
        "Conv1,224,224,11,11,3,96,4,",
        "Conv1,224,224,11,11,3,96,4",
        "Conv1     ,224         ,224        ,11  ,11          ,3       ,96        ,4      ,",
        "Conv1, 224, 224, 11, 11, 3, 96, 4, 4",
        "Conv1,224,224,11,11,3,96,4, NPU",
        "Conv1, 224, 224, 11, 11, 3, 96, 4,#dw",
        "\r\n,,,,,,,,\nConv1,224,224,11,11,3,96,4,\r\n\n",
    ],
)
def test_published_conv_rows(tmp_path: Path, row: str) -> None:
    """AlexNet conv1: 55 x 55 outputs, 105,415,200 MACs."""
    (layer,) = read(tmp_path, f"{CONV_HEADER}\n{row}")
    assert layer.shape is not None
    assert (layer.shape.output_h, layer.shape.output_w) == (55, 55)
    assert layer.macs == 105_415_200
    assert layer.ifmap_bytes == 224 * 224 * 3
    assert "overhangs" in layer.note


@pytest.mark.parametrize(
    "header", ["Layer,M,N,K,", "Layer,M,N,K", "Layer Name, M, N, K, Sparsity,", "x,m,n,k"]
)
def test_published_gemm_rows(tmp_path: Path, header: str) -> None:
    (layer,) = read(tmp_path, f"{header}\nQKTV,1024,64,512,")
    assert layer.shape is not None
    assert (layer.shape.output_pixels, layer.shape.filters, layer.shape.window) == (1024, 64, 512)
    assert (layer.ifmap_bytes, layer.filter_bytes, layer.ofmap_bytes) == (
        1024 * 512,
        512 * 64,
        1024 * 64,
    )


def test_two_strides(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, f"{CONV_HEADER}\nConv1,9,17,3,3,4,8,2,3,")
    assert layer.shape is not None
    assert (layer.shape.stride_h, layer.shape.stride_w) == (2, 3)


def test_columns_are_what_the_header_names(tmp_path: Path) -> None:
    (conv,) = read(tmp_path, f"{CONV_HEADER} Batch Size,\nconv,34,34,3,3,16,32,1,4,")
    assert conv.shape is not None
    assert (conv.shape.stride_w, conv.images, conv.batch) == (1, 4, 4)
    assert conv.macs == 4 * 32 * 32 * 9 * 16 * 32
    (product,) = read(tmp_path, "Layer,M,N,K,Batch,\nQKT,1024,512,64,25,")
    assert (product.repeats, product.macs) == (25, 25 * 1024 * 512 * 64)
    (swapped,) = read(tmp_path, "Layer\tK\tM\tN\n# attention\nQKT\t64\t1024\t512\n")
    assert swapped.shape == LayerShape.from_gemm(1024, 512, 64)
    header = CONV_HEADER.replace("Strides", "Stride Height, Stride Width")
    (two,) = read(tmp_path, f"{header}\nblock 1,,,\nc,9,17,3,3,4,8,2,3,")
    assert two.shape is not None and (two.shape.stride_h, two.shape.stride_w) == (2, 3)


def test_products_written_as_convolutions_are_no_broken_chain(tmp_path: Path) -> None:
    rows = ["a,8,8,3,3,3,16,1,", "q,64,32,1,32,1,64,1,", "k,50,1,1,1,768,64,1,"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path, "\n".join([CONV_HEADER, *rows]))


def test_sparsity_is_said(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, f"{CONV_HEADER} Sparsity,\nC1, 5, 5, 3, 3, 2, 6, 1, 2:4,")
    assert layer.note == "sparsity is not modelled: run dense"
    assert layer.shape is not None and layer.shape.stride_w == 1


def test_depthwise_is_one_channel_at_a_time(tmp_path: Path) -> None:
    (layer,) = read(tmp_path, f"{CONV_HEADER}\nConv2_DP,34,34,3,3,32,1,1,")
    assert (layer.operator, layer.repeats, layer.macs) == ("depthwise", 32, 32 * 9 * 32 * 32)
    assert layer.shape is not None
    assert (layer.shape.channels, layer.shape.filters) == (1, 1)


def test_what_cannot_be_mapped_is_listed(tmp_path: Path) -> None:
    good, bad = read(tmp_path, f"{CONV_HEADER}\na,5,5,3,3,2,6,1,\nb,2,2,3,3,6,6,1,")
    assert good.shape is not None
    assert (bad.shape, bad.reason) == (None, "filter 3x3 is larger than the input 2x2")


def test_broken_channel_chain_names_the_rows(tmp_path: Path) -> None:
    rows = ["a,8,8,3,3,3,16,1,", "b,6,6,3,3,16,32,1,", "c,4,4,3,3,31,8,1,", "d,4,4,1,1,8,8,1,"]
    with pytest.warns(TopologyWarning, match=r"c \(net.csv:4, 31 channels\)$"):
        layers = read(tmp_path, "\n".join([CONV_HEADER, *rows]))
    assert [bool(layer.note) for layer in layers] == [False, False, True, False]


def test_branches_depthwise_and_flattened_inputs_chain(tmp_path: Path) -> None:
    """A shortcut, MobileNet's one-filter rows and a fully connected layer are no mistakes."""
    rows = [
        "conv,10,10,3,3,3,16,1,",
        "depthwise,8,8,3,3,16,1,1,",
        "pointwise,6,6,1,1,16,32,1,",
        "shortcut,8,8,1,1,16,32,1,",
        "pooled,4,4,3,3,32,8,1,",
        "flat,1,1,1,1,32,10,1,",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path, "\n".join([CONV_HEADER, *rows]))


def test_names_stay_unique(tmp_path: Path) -> None:
    layers = read(tmp_path, "Layer,M,N,K\nx,1,2,3\nx,4,5,6\n,7,8,9")
    assert [layer.name for layer in layers] == ["x", "x_2", "row_4"]
    assert [layer.source for layer in layers] == ["net.csv:2", "net.csv:3", "net.csv:4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (CONV_HEADER, "no rows"),
        (f"{CONV_HEADER}\nLSTM, 1, B, 1, 1, H, H, 1,", "ifmap width of row 'LSTM' is 'B'"),
        (f"{CONV_HEADER}\na,5,5,3,3,2,", "row 'a' has 5 numbers|filters of row 'a'"),
        (f"{CONV_HEADER}\na,5,5,3,3,2,0,1,", "filters of row 'a' is '0'"),
        (f"{CONV_HEADER}\na,5,5,3,3,-2,1,1,", "channels of row 'a' is '-2'"),
        ("a,5,5,3,3,2,6,1,\nb,5,5,3,3,2,6,1,", "no header"),
        ("Layer,M,N,K\na,1,2", "row 'a' has 2 numbers"),
        ("Layer,M,N,K,Heads\na,1,2,3,4", "column 'Heads' is not known"),
        ("Layer,M,N,K,K\na,1,2,3,4", "column 'K' is there twice"),
        ("Layer,M,N\na,1,2", "columns are M, N"),
        (f"{CONV_HEADER}\na,5,5,3,3,2,6,1,2,3,", "numbers without a column: 2, 3"),
    ],
)
def test_bad_files_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        layers_from_topology(tmp_path / "none.csv")
