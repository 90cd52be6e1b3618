"""Reading and writing `labelloop.yaml`: where it is, what is wrong with it, a comment for each key."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from labelloop.core.errors import ConfigError
from labelloop.settings.model import Settings
from labelloop.settings.section import Section

CONFIG_NAME = "labelloop.yaml"


def find_config(start: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The `labelloop.yaml` in charge: `LABELLOOP_CONFIG`, or the nearest one upward from `start`.

    Raises:
        ConfigError: If there is none.
    """
    named = environ.get("LABELLOOP_CONFIG")
    if named:
        path = Path(named).expanduser().resolve()
        if not path.is_file():
            raise ConfigError(f"LABELLOOP_CONFIG names {path}, which is not a file", "Correct it or unset it.")
        return path
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    raise ConfigError(
        f"No {CONFIG_NAME} in {start.resolve()} or above",
        "Run `labelloop init` (or `labelloop init --sandbox` to try it without a CVAT).",
    )


def load_settings(path: Path) -> Settings:
    """Read and validate a `labelloop.yaml`.

    Raises:
        ConfigError: If it is not YAML, or a key or a value is wrong; names the key and the nearest right one.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if content is not None and not isinstance(content, dict):
        raise ConfigError(f"{path} is not a list of keys", "Compare it with what `labelloop init` writes.")
    try:
        return Settings.model_validate(content or {})
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_explain(item) for item in error.errors())) from error


def render(settings: Settings) -> str:
    """`labelloop.yaml` for these settings, with a comment for each key."""
    return "\n".join(_render_section(settings, indent="")) + "\n"


def _render_section(section: Section, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            about = (type(value).__doc__ or "").splitlines()[0]
            yield from ("", f"{indent}# {about}", f"{indent}{name}:")
            yield from _render_section(value, indent + "  ")
        else:
            yield f"{indent}# {field.description}"
            yield f"{indent}{name}: {_flow(_plain(value))}"


def _plain(value: Any) -> Any:
    """Sections in a list or under names of their own as mappings of what they change."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.model_dump(mode="json", exclude_defaults=True) if isinstance(value, Section) else value


def _flow(value: Any) -> str:
    """A value on one line; PyYAML closes a bare scalar with an end-of-document mark, which has no place here."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10_000)
    if set(text) & _LINE_BREAKS:
        text = yaml.safe_dump(value, allow_unicode=False, default_flow_style=True, width=10_000)
    return text.removesuffix("...\n").strip(" \n")


# Characters of a text that YAML takes for the end of a line unless they are escaped.
_LINE_BREAKS = frozenset("\x85\u2028\u2029")


def _explain(item: Any) -> str:
    """One sentence for one pydantic error: the key, what is wrong, the nearest right key."""
    where = [str(part) for part in item["loc"]]
    if item["type"] != "extra_forbidden":
        return f"{'.'.join(where)}: {item['msg']} (it is {item['input']!r})"
    known = _keys_at(where[:-1])
    near = difflib.get_close_matches(where[-1], known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"known keys here: {', '.join(known)}"
    return f"unknown key '{'.'.join(where)}', {hint}"


def _keys_at(path: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    parts = iter(path)
    for part in parts:
        if part.isdigit():  # a place in a list, whose items are sections
            continue
        annotation = model.model_fields[part].annotation
        if get_origin(annotation) is dict:
            next(parts, None)  # a name of its own, whose value is a section
        annotation = next(reversed(get_args(annotation)), annotation)
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
