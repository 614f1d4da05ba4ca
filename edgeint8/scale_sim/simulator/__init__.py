"""SCALE-Sim itself: run in a child process, its reports as types."""
