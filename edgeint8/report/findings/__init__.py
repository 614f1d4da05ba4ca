"""Sentences, each made from tables."""
