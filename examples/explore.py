"""Which arrays, buffers and bandwidths are worth building for a network? The exact front."""

from small_network import write_network

import edgeint8 as e8

front = e8.explore(write_network(), rows=(4, 12), cols=(4, 12), sram_kb=[8, 16], bandwidth=[2, 8])
print(f"{front.designs:,} designs, {front.feasible:,} feasible, {len(front.front)} on the front")
print("recommended:", front.best["hardware"] if front.best else "none")
