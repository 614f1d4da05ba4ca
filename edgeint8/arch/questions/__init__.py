"""Questions that the cost model answers: advice, scaling, switching, packing."""
