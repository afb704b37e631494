"""What the paper says, as data with its source, and what ours says of it: a verdict for each claim.

Imports `files`, `study`, `mind` and `evaluation`, never `experiment`: it reads the files that runs
have left.
"""
