"""Data sets as people keep them on disk: a reader for each format, and a look at a folder that tells which it is.

FiftyOne's importers are not used for what lies on disk. They take seconds to import, abort at the first damaged file,
and give None both for an image without objects and for one that nobody looked at; their lists of classes are sorted or
filled up. The FiftyOne importer itself writes into a database. Only the zoo goes through FiftyOne, which downloads it.
"""

from labelloop.adapters.sources.reading import read_source, read_sources
from labelloop.adapters.sources.source import BOX_COLUMNS, Source

__all__ = ["BOX_COLUMNS", "Source", "read_source", "read_sources"]
