"""A language model at work: hidden states and token vectors of every article, on disk and as
modules of a recommender.
"""
