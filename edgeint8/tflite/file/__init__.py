"""The file itself: schema, reader, writer, and its values."""
