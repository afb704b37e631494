"""Other people's data sets, written in MIND's form once, before a study begins: a file each, and a
line in `kinds.py`. What they share: `write.py` writes the form and the figures of what was left
out, `tables.py` opens what was given, `built.py` makes impressions of clicks alone.

Imports `files`, `study`, `machine` and `mind`. No stage imports it: what it writes is read by
`data.path`.
"""
