"""Source `gguf`: a GGUF file of an installed Python package, as `package/model.gguf`."""

from pathlib import Path, PurePosixPath

from replication.encoders.sources.kinds.package import Package
from replication.files.errors import StudyError, shown
from replication.study.encoders import Encoder


class Gguf(Package):
    """De-quantised once: the checkpoint is safetensors, of the first `layers` layers alone."""

    def check(self, key: str, encoder: Encoder) -> None:
        package, _, file = encoder.name.rpartition("/")
        if not package or not file.endswith(".gguf"):
            raise StudyError(
                f"{key}.name: {shown(encoder.name)} is not accepted; accepted: package/model.gguf, "
                "a GGUF file of an installed package"
            )
        if encoder.family != "causal":
            raise StudyError(
                f"{key}.family: {shown(encoder.family)} is not accepted; accepted with source: "
                "gguf: causal"
            )
        if encoder.sha256.get(file) is None:
            raise StudyError(
                f"{key}.sha256: is missing {file}; expected the 64 hexadecimal digits by which the "
                "file is pinned"
            )

    def packages(self, encoder: Encoder) -> tuple[str, ...]:
        return (*super().packages(encoder), "gguf")

    def found(self, name: str, encoder: Encoder) -> Path:
        from replication.encoders.sources.checkpoints import package_folder

        location = PurePosixPath(encoder.name)
        return package_folder(name, str(location.parent))

    def write(self, name: str, encoder: Encoder, source: Path | None, folder: Path) -> None:
        from replication.encoders.sources.dequantised import dequantise

        assert source is not None  # a package has a folder
        dequantise(name, encoder, source / PurePosixPath(encoder.name).name, folder)
