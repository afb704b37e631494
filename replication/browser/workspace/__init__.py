"""What DVC and git have written down, read without either's locks: stages, experiments."""
