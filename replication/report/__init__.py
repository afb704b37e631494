"""What people read: REPORT.md with its tables and figures, the time and memory to expect, and the
schema of every file under reports/.

Imports `files`, `study`, `mind`, `encoders`, `evaluation` and `paper`; no torch.
"""
