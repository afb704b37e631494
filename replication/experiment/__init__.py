"""One reported experiment from parameters to files, what is written down of it, and the audit that
flips each deviation of the released code alone.

Imports `files`, `study`, `machine`, `mind`, `encoders`, `recommenders`, `training` and
`evaluation`.
"""
