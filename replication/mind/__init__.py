"""The data: where they come from (pinned bytes), how they are read and checked, how they are split.
`columns` is what is left of them for every later room: integers in flat, memory-mapped columns.
`demo` invents a corpus in MIND's file format, `imports` brings others: one file each.

Imports `files` and `study`.
"""
