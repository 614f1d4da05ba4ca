"""What the calls of `edgeint8.api` return: facts by name, and a frame with a row for each part."""
