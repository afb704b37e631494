"""An LLM adapted to clicks by LoRA: the questions it learns from, and the training."""
