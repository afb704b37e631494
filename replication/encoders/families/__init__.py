"""What kinds of language models there are: one file each, and one line in `study/registry.py`."""
