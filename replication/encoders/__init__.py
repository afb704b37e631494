"""From text to vectors, in three steps: `sources` brings the pinned bytes of a language model to
disk, `lora` adapts an LLM to clicks, `models` computes token vectors or offers them as modules.
`tokens` is what the three share: which ids of a text are read.

Imports `files`, `study`, `machine` and `mind`. Of the folders here, `models` and `lora` may import
`sources`, and not the other way round.
"""
