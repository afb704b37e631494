"""Where a language model comes from: one file a kind, and one line in `study/registry.py`."""
