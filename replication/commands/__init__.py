"""The command line: one thin function a command, in the group in which `--help` lists it. Each
stage of dvc.yaml is one of them.

Imports `files`, `study`, `machine`, `mind`, `encoders`, `evaluation`, `experiment`, `paper`,
`questions`, `report`, `pipeline` and `importers`, most inside the functions: torch and transformers
take seconds, and most commands do without.
"""
