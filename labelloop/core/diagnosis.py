"""From plain facts about an installation to findings: nothing here looks at anything itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from labelloop.core.findings import Finding, missing, ok, warning

OLDEST_PYTHON = (3, 11)
TOKENS_SINCE = (2, 50)  # personal access tokens of CVAT
GIB = 1 << 30
LEAST_DISK, LITTLE_DISK = 1 * GIB, 5 * GIB
HEADLESS = "pip install --force-reinstall --no-deps opencv-python-headless"
SYSTEM_LIBRARIES = ("libGL", "libgthread", "libglib", "libxcb", "libSM", "libX")


@dataclass(frozen=True)
class Devices:
    """What torch can compute on besides the CPU: its version, the names of the GPUs, whether Apple's GPU is there."""

    torch: str
    gpus: Sequence[str] = ()
    mps: bool = False


def judge_python(version: Sequence[int]) -> Finding:
    """The Python that runs."""
    told = ".".join(map(str, version[:3]))
    if tuple(version[:2]) >= OLDEST_PYTHON:
        return ok("Python", told)
    return missing("Python", f"{told} is too old", "Make the virtual environment with Python 3.11 or later.")


def judge_disk(free: int, where: str) -> Finding:
    """Room for images, the database and models; `free` in bytes."""
    told = f"{free / GIB:.1f} GiB free in {where}"
    remedy = "Free some space, or set LABELLOOP_HOME to a folder on a larger disk."
    if free < LEAST_DISK:
        return missing("disk", told, remedy)
    return warning("disk", told, remedy) if free < LITTLE_DISK else ok("disk", told)


def judge_opencv(wheels: Mapping[str, str], imported: str, error: str) -> Finding:
    """`cv2`, which several wheels bring into one folder: the one that was installed last wins.

    Args:
        wheels: Version of each installed wheel that brings it.
        imported: Version that Python imports; empty if it imports none.
        error: Why it imports none.
    """
    named = " and ".join(f"{name} {version}" for name, version in sorted(wheels.items())) or "no wheel of OpenCV"
    if error and any(library in error for library in SYSTEM_LIBRARIES):
        remedy = f"Run `apt-get install libgl1 libglib2.0-0`, or without the rights to: `{HEADLESS}`."
        return missing("cv2", f"{error} ({named})", remedy)
    if error:
        return missing("cv2", f"it cannot be imported: {error} ({named})", f"Run `{HEADLESS}`.")
    if wheels and not any(version.startswith(imported) for version in wheels.values()):
        return warning("cv2", f"{imported} is imported, but {named} is installed", f"Run `{HEADLESS}`.")
    if len(wheels) > 1:
        return ok(
            "cv2", f"{imported}; {named} share its folder", f"When one was removed, the other needs `{HEADLESS}`."
        )
    return ok("cv2", f"{imported} ({named})")


def judge_device(wanted: str, found: Devices) -> Finding:
    """`train.device` against what there is."""
    gpus = ", ".join(f"{number}: {name}" for number, name in enumerate(found.gpus))
    there = f"torch {found.torch}, " + (f"GPU {gpus}" if gpus else "Apple's GPU" if found.mps else "no GPU")
    if wanted in ("auto", "cpu"):
        taken = "the CPU" if wanted == "cpu" or not (gpus or found.mps) else "the GPU"
        return ok("device", f"{there}; train.device: {wanted} takes {taken}")
    if wanted == "mps":
        fits = found.mps
    else:
        numbers = "0" if wanted == "cuda" else wanted.removeprefix("cuda:")
        parts = [part.strip() for part in numbers.split(",")]
        if not all(part.isdecimal() for part in parts):
            return missing("device", f"train.device: {wanted} is no device", "Set auto, cpu, mps, 0 or 0,1 …")
        fits = all(int(part) < len(found.gpus) for part in parts)
    if fits:
        return ok("device", f"{there}; train.device: {wanted}")
    remedy = "Set train.device: auto; where there is a GPU, install its driver and a torch that was built for it."
    return missing("device", f"train.device: {wanted} is not there ({there})", remedy)


def judge_database(binary: Sequence[int], compatibility: str, data: str) -> Finding:
    """Whether a mongod opens the data that is there.

    MongoDB opens data of its own major version and of the one before.

    Args:
        binary: Version of the mongod.
        compatibility: Feature compatibility version of the data, such as `6.0`; empty if nobody knows.
        data: The folder.
    """
    told = ".".join(map(str, binary))
    if not compatibility:
        return ok("database", f"{data} holds data, nobody has noted of which version; mongod is {told}")
    wrote, runs = int(compatibility.partition(".")[0]), binary[0]
    if runs in (wrote, wrote + 1):
        return ok("database", f"{data} is of version {compatibility}")
    return missing(
        "database",
        f"{data} is of version {compatibility}, which mongod {told} cannot open",
        f"Set LABELLOOP_MONGOD to a mongod {wrote}, or move that folder away and run `labelloop rebuild`: the plain "
        "files hold everything.",
    )


def judge_cvat_versions(server: str, sdk: str, *, token: bool) -> Finding:
    """What it means when CVAT and its SDK are of different versions."""
    told = f"server {server}, cvat-sdk {sdk}"
    asked, own = _pair(server), _pair(sdk)
    if not asked:
        return warning("CVAT version", f"{told}: this is not how CVAT tells its version", "Check CVAT_URL.")
    if own and asked[0] != own[0]:
        remedy = "Install the cvat-sdk whose first number is the server's, if something does not work."
        return warning("CVAT version", f"{told}: another generation of CVAT than labelloop was made for", remedy)
    if token and asked < TOKENS_SINCE:
        remedy = "Set CVAT_USERNAME and CVAT_PASSWORD and unset CVAT_ACCESS_TOKEN."
        return warning("CVAT version", f"{told}: access tokens came with 2.50", remedy)
    same = "" if asked == own else "; they may differ, for labelloop reads the answers as they are"
    return ok("CVAT version", told + same)


def judge_labels(labels: Collection[str], classes: Sequence[str], project: str) -> Finding:
    """The labels of the CVAT project against the classes of the schema."""
    lacks = [name for name in classes if name not in labels]
    strange = sorted(set(labels) - set(classes))
    if strange and classes:
        return warning(
            "CVAT labels",
            f"project '{project}' has labels that are no class: {', '.join(strange)}",
            "Append them to classes in labelloop.yaml, or shapes with them are set aside.",
        )
    if lacks:
        return ok("CVAT labels", f"project '{project}' lacks {', '.join(lacks)}, which the next push adds")
    return ok("CVAT labels", ", ".join(labels) or "none yet")


def judge_dagster_home(given: str, origin: str, wanted: str) -> Finding:
    """Where Dagster would keep its runs, and where those of this project are."""
    if not given:
        remedy = f"Run `labelloop init`, which writes it to .env, or `export DAGSTER_HOME={wanted}`."
        return missing("Dagster home", "DAGSTER_HOME is neither set nor in .env", remedy)
    if given != wanted:
        remedy = f"`export DAGSTER_HOME={wanted}`, or unset it and run `labelloop init`."
        return warning("Dagster home", f"{origin} names {given}, the runs of this project are in {wanted}", remedy)
    return ok("Dagster home", f"{given} ({origin})")


def _pair(version: str) -> tuple[int, ...]:
    """The first two numbers of a version; empty if it is not one."""
    parts = version.split(".")[:2]
    return tuple(map(int, parts)) if len(parts) == 2 and all(part.isdecimal() for part in parts) else ()
