"""The sources of a project, read as one."""

from labelloop.adapters import mongod
from labelloop.adapters.fiftyone import zoo
from labelloop.adapters.sources import Source, read_sources
from labelloop.core.source_labels import PathLabels
from labelloop.resources.project import Project
from labelloop.settings.model import SourceSettings


def sources_of(now: Project) -> Source:
    """What all sources of labelloop.yaml bring; one of FiftyOne's zoo is downloaded first.

    Raises:
        ConfigError: If a source is not there, or holds something else than its type says.
    """
    return read_sources([_on_disk(now, settings) for settings in now.settings.all_sources], now.home.project)


def path_labels(now: Project, source: Source) -> PathLabels:
    """The labels of a source, under the paths that the samples table keeps."""
    stored = now.home.relative
    return PathLabels(
        labels={stored(path): labels for path, labels in source.labels.items()},
        labelled=frozenset(map(stored, source.labelled)),
        relative=frozenset(map(stored, source.relative)),
        enclose=frozenset(map(stored, source.enclose)),
        sizes={stored(path): size for path, size in source.sizes.items()},
    )


def _on_disk(now: Project, settings: SourceSettings) -> SourceSettings:
    if settings.type != "fiftyone_zoo":
        return settings
    folder = zoo.fetch(now.home, mongod.ensure(now.home), settings.path, settings.splits)
    return settings.model_copy(update={"path": str(folder)})
