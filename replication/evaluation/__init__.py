"""How good it is: scores of all candidates, MIND's metrics, intervals and tests over impressions,
cold-start groups, baselines, and somebody's own predictions.

Imports `files`, `study`, `machine`, `mind` and `recommenders`; nothing of `training`.
"""
