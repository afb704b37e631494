"""Source `derived`: word vectors made of the table of a model in an installed package."""

from replication.encoders.sources.kinds.package import Package


class Derived(Package):
    def write(self, name, encoder, source, folder):
        from replication.encoders.sources.words import derive_vectors

        derive_vectors(source, encoder.width, folder / "vectors.txt")
