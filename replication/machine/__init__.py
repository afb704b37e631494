"""What the study runs on: the environment and its fingerprint, the number format, fast dropout and
attention, processes that share one stage, and the states from which a killed run goes on.

Imports `files` and `study`.
"""
