"""Makes the zip of an export in the background."""

import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from labelloop.sandbox.server import clock
from labelloop.sandbox.server.blobs import Blobs
from labelloop.sandbox.server.exports import backup, coco, cvat_xml, scene
from labelloop.sandbox.server.exports.formats import COCO, WRITTEN
from labelloop.sandbox.server.store import Row, Store


@dataclass(frozen=True)
class Exporter:
    """Exports tasks, projects and jobs."""

    store: Store
    blobs: Blobs

    def __call__(self, request: Row, _: Callable[[str], None]) -> dict[str, Any]:
        """Make the file of an export request.

        Raises:
            NotImplementedError: If it is a format of CVAT that the sandbox does not write.
        """
        operation, images = request["operation"], request["payload"]["save_images"]
        if operation["type"] == "export:backup":
            return self._backup(operation)
        if operation["format"] not in WRITTEN:
            raise NotImplementedError(f"The sandbox writes {' and '.join(WRITTEN)}, not {operation['format']}")
        with self.store.transaction():  # one moment of the data, not several
            content = scene.gather(self.store, operation)
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                folder = self._write_coco if operation["format"] == COCO else self._write_xml
                folder(archive, content, images=images)
            file.seek(0)
            return {"blob": self.blobs.write(file), "file_name": _file_name(operation)}

    def _backup(self, operation: Row) -> dict[str, Any]:
        """Everything of a task or project, to be kept, and restored."""
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, self.store.transaction():
                name = backup.write(archive, self.store, self.blobs, operation)
            file.seek(0)
            moment = clock.parse(clock.now()).strftime("%Y_%m_%d_%H_%M_%S")
            file_name = f"{operation['target']}_{name}_backup_{moment}.zip"
            return {"blob": self.blobs.write(file), "file_name": file_name}

    def _write_coco(self, archive: zipfile.ZipFile, content: scene.Scene, *, images: bool) -> None:
        for subset, document in coco.documents(content).items():
            archive.writestr(f"annotations/instances_{subset}.json", json.dumps(document, ensure_ascii=False))
        for image in content.images if images else ():
            self._write_image(archive, f"images/{coco.subset_of(image)}/{image.path}", image)

    def _write_xml(self, archive: zipfile.ZipFile, content: scene.Scene, *, images: bool) -> None:
        archive.writestr("annotations.xml", cvat_xml.document(content))
        for image in content.images if images else ():
            folder = f"images/{coco.subset_of(image)}" if content.target == "project" else "images"
            self._write_image(archive, f"{folder}/{image.path}", image)

    def _write_image(self, archive: zipfile.ZipFile, name: str, image: scene.Image) -> None:
        archive.write(self.blobs.path(image.frame["blob"]), name, compress_type=zipfile.ZIP_STORED)


def _file_name(operation: Row) -> str:
    """The name a browser saves the file under; made of ids, never of names."""
    target, kind = operation["target"], operation["type"].split(":")[1]
    moment = clock.parse(clock.now()).strftime("%Y_%m_%d_%H_%M_%S")
    return f"{target}_{operation[f'{target}_id']}_{kind}_{moment}_{operation['format'].lower()}.zip"
