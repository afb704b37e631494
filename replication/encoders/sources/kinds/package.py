"""Source `package`: a folder of an installed Python package, as `package/folder/inside`."""

from replication.encoders.sources.kinds.base import Source


class Package(Source):
    def found(self, name, encoder):
        from replication.encoders.sources.checkpoints import package_folder

        return package_folder(name, encoder.name)
