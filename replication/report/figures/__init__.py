"""The figures of the report, drawn with Altair: one file each."""
