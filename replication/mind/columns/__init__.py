"""The prepared data: articles and users are integers (0: padding, unknown), lists of varying length
are flat values with offsets.
"""
