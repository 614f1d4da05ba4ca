"""What the processor under the tests multiplies exactly.

Without VNNI or AMX, ONNX Runtime adds unsigned-by-signed products in 16 bits and saturates: tests
that compare with it then keep weights to seven bits, as the quantiser does (2 * 255 * 64 < 2^15).
"""

from edgeint8.quant.session import cpu_flags, has_exact_u8s8

EXACT_U8S8 = has_exact_u8s8(cpu_flags())
WEIGHT_LIMIT = 127 if EXACT_U8S8 else 63
