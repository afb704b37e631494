"""From text to vectors, in three steps: `sources` brings the pinned bytes of a language model to
disk, `lora` adapts an LLM to clicks, `models` computes token vectors or offers them as modules.
`tokens` is what the three share: which ids of a text are read. A kind of language model is one file
in `families`, a kind of source one in `sources/kinds`; each has one line in `study/registry.py`.

Imports `files`, `study`, `machine` and `mind`. Of the folders here, `models` and `lora` may import
`sources`, and not the other way round; `families` calls them all, and imports them as it does.
"""
