"""All malformed inputs."""

import checkpoints
import mind_tables
import own_outputs
import paper_data
import parameters
import submissions
import word_vectors

MODULES = (mind_tables, submissions, parameters, paper_data, word_vectors, checkpoints, own_outputs)
CASES = [case for module in MODULES for case in module.CASES]
