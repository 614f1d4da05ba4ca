"""What does a network cost on real machines, and what binds it there?"""

from small_network import write_network

import edgeint8 as e8

network = write_network()
for name in ("gemmini", "ethos_u55_256_like", "ws_8x8_16kB_2Bpc"):
    answer = e8.cost(network, hardware=name)
    print(f"{name}: {answer.bound_cycles:,} cycles, bound by {answer.bound_by}")
    for sentence in answer.advice[:1]:
        print("   ", sentence)
