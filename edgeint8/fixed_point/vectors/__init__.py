"""Test vectors for RTL engineers."""
