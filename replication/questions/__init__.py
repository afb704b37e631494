"""Questions beyond the paper: a file for each judge, named in `paper/questions.yaml`.

A judge is a function `judge(question, asked, protocol)` that returns what `paper.results.result`
makes. It reads the study's runs by `asked.Asked` and answers in the words of `paper.verdict`.
Imports `files`, `study`, `mind`, `evaluation` and `paper`, and no torch.
"""
