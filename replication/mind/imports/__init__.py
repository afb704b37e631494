"""Where data come from: one file each, and one line in `study/registry.py`. Whatever they were,
they end up as MIND's four files, which stage `prepare` reads.
"""
