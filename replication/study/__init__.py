"""What is asked: the parameters with their types and checks, the protocol D1-D18, their composition
from conf/, and every location that the study reads or writes.

Imports `files` alone. Nothing here imports torch, so that a bad key stops before any work.
"""
