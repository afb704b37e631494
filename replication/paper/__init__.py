"""What the paper says, as data with its source, and what ours says of it: a verdict for each claim.

Imports `evaluation` and `study`, never `experiment`: it reads the files that runs have left.
"""
