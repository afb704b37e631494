"""The study's stages at once: several on this machine, or as jobs of a SLURM cluster."""
