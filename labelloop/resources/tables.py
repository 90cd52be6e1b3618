"""How numbers look in the Dagster UI: small tables, plain columns, a fixed number of rows."""

import base64
import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pandas as pd

LISTED = 50  # rows: the event log is no place for more


def table(frame: pd.DataFrame, most: int = LISTED) -> dg.TableMetadataValue:
    """The first rows of a frame as a table."""
    shown = frame.head(most)
    columns = [dg.TableColumn(str(name), _kind(shown[name])) for name in shown.columns]
    records = [dg.TableRecord({str(k): _plain(v) for k, v in row.items()}) for row in shown.to_dict("records")]
    return dg.MetadataValue.table(records, schema=dg.TableSchema(columns=columns))


def linked_table(frame: pd.DataFrame, text: str, link: str, most: int = LISTED) -> dg.MarkdownMetadataValue:
    """The first rows of a frame as a table whose `text` column leads to the addresses of the `link` column."""
    columns = [str(name) for name in frame.columns if name != link]
    lines = [columns, ["---"] * len(columns)]
    for row in frame.head(most).to_dict("records"):
        shown = {**row, text: f"[{_cell(row[text])}]({row[link]})"}
        lines.append([shown[text] if name == text else _cell(shown[name]) for name in columns])
    more = f"\n\n{len(frame) - most} more" if len(frame) > most else ""
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines) + more)


def counts(values: Mapping[str, int], what: str) -> dg.TableMetadataValue:
    """A table of counts by name."""
    return table(pd.DataFrame({what: list(map(str, values.keys())), "count": list(values.values())}))


def picture(png: bytes | str, kind: str = "png") -> dg.MarkdownMetadataValue:
    """A small picture, shown in place."""
    encoded = base64.b64encode(png if isinstance(png, bytes) else png.encode()).decode()
    return dg.MetadataValue.md(f"![](data:image/{kind};base64,{encoded})")


def _cell(value: Any) -> str:
    """A value inside a Markdown table: names may hold anything."""
    return re.sub(r"([\\|\[\]<>*_`])", r"\\\1", " ".join(str(value).split()))


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"


def _plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return None
    if isinstance(value, float):
        return round(value, 4)
    return value.item() if hasattr(value, "item") else value if isinstance(value, (int, str, bool)) else str(value)
