"""Float graphs made ready for the quantiser."""
