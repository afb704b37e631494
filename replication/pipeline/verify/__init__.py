"""Are the results that are here those that this code makes? Rerun in a scratch copy and compare."""
