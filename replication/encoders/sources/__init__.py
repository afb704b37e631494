"""Where the weights of a language model come from: one file a kind of source in `kinds`, which
calls what stands here. All of it ends up as safetensors, or as word vectors, in `checkpoints/`.
"""
