"""SCALE-Sim minus physics, term by term."""
