"""The results browser: pages over the files under reports/, read strictly. It writes nothing, calls
no DVC and imports no torch: it installs and starts where nothing is trained.

Imports `files`, `study`, `machine`, `evaluation`, `paper` and `report`.
"""
