"""Networks that users bring: read with care, and run as they are where they came quantised."""
