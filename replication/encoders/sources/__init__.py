"""Where the weights of a language model come from: one file a kind of source. All of it ends up as
safetensors, or as word vectors, in `checkpoints/`.
"""
