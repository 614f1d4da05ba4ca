"""Tables, figures and text. Knows column names only, never a model."""
