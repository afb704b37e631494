"""DVC's graph as data: its files made good after a kill, the inventory, several stages at once
(`grid`), what a study will take (`plan`), and reruns compared with what is recorded (`verify`).

Imports `files`, `study`, `machine`, `mind`, `encoders`, `evaluation`, `experiment`, `paper` and
`report`.
"""
