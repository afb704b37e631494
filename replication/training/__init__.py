"""How a recommender learns: batches of clicks with drawn negatives, the loop, early stopping, the
search for a learning rate, and going on after a kill.

Imports `files`, `study`, `machine`, `mind`, `encoders` and `recommenders`.
"""
