"""A machine that waits for tiles: programs, their time, and the best tile of a layer."""
