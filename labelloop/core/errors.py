"""What can go wrong, said so that the reader knows what happened, to what, and what to do next.

LabelloopError                 every error labelloop raises on purpose
├── ConfigError                labelloop.yaml, the home or the environment is not as it should be
├── MissingStateError          a step ran before the step that makes what it reads
├── LabelError                 labels, schema or splits contradict what is already fixed
├── CvatError                  CVAT answered, and the answer is a refusal
│   ├── CvatUnreachableError   CVAT did not answer: worth trying again
│   └── CvatLoginError         the credentials are missing or wrong
├── DatabaseError              mongod is missing, too old, or does not start
│   └── DatabaseBusyError      FiftyOne's data set cannot be read at the moment: worth trying again
├── ModelError                 weights cannot be loaded or a training cannot go on
└── StuckError                 the loop cannot go on by itself: it waits for a person
"""


class LabelloopError(Exception):
    """An expected failure; the first line says what happened and the remedy.

    Args:
        what: What happened, naming the sample, task, key or file.
        remedy: What the reader can do next; joined to the first line.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what.rstrip('.')}. {remedy}".strip() if remedy else what)
        self.what = what
        self.remedy = remedy

    def also(self, told: str) -> None:
        """Tell this as well, before the remedy."""
        self.what = f"{self.what.rstrip('.')}. {told}"
        self.args = (f"{self.what.rstrip('.')}. {self.remedy}".strip() if self.remedy else self.what,)


class ConfigError(LabelloopError):
    """`labelloop.yaml`, the home or the environment is not as it should be."""


class MissingStateError(LabelloopError):
    """A step ran before the step that makes what it reads."""


class LabelError(LabelloopError):
    """Labels, the schema or the splits contradict what is already fixed."""


class CvatError(LabelloopError):
    """CVAT answered, and the answer is a refusal."""


class CvatUnreachableError(CvatError):
    """CVAT did not answer, or answered that it cannot right now: worth trying again."""


class CvatLoginError(CvatError):
    """The credentials for CVAT are missing or wrong."""


class DatabaseError(LabelloopError):
    """The mongod behind FiftyOne is missing, too old, or does not start."""


class DatabaseBusyError(DatabaseError):
    """FiftyOne's data set is being made, or its mongod does not answer: worth trying again."""


class ModelError(LabelloopError):
    """Weights cannot be loaded, or a training cannot go on."""


class StuckError(LabelloopError):
    """The loop cannot go on by itself: something failed too often, or only a person can mend it."""
