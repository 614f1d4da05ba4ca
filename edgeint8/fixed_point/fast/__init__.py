"""The executor for many images: the same integers, planned ahead."""
