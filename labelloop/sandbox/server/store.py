"""The one place that speaks SQL: a SQLite file in write-ahead mode, which a kill at any moment leaves whole."""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labelloop.sandbox.server.schema import JSON_COLUMNS, STATEMENTS

Row = dict[str, Any]


class Store:
    """Rows of the sandbox's tables, as dictionaries.

    One connection serves every thread, one at a time. Table and column names come from this package, never from a
    request; values are always bound.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(STATEMENTS)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what happens inside is committed together or not at all. May be nested."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._leave("ROLLBACK")
                raise
            self._leave("COMMIT")

    def _leave(self, outcome: str) -> None:
        """End the innermost transaction; only the outermost one reaches the file."""
        self._depth -= 1
        if self._depth == 0:
            self._connection.execute(outcome)

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows a query gives."""
        with self._lock:
            return [_decoded(row) for row in self._connection.execute(query, values)]

    def execute(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run a statement that changes rows.

        Returns:
            The id of the row that was inserted last.
        """
        with self.transaction():
            return self._connection.execute(statement, values).lastrowid or 0

    def find(self, table: str, order: str = "id", **equal: Any) -> list[Row]:
        """The rows of a table whose columns equal the given values."""
        where = " AND ".join(f"{column} IS ?" for column in equal) or "1"
        return self.rows(f"SELECT * FROM {table} WHERE {where} ORDER BY {order}", list(equal.values()))  # noqa: S608

    def first(self, table: str, **equal: Any) -> Row | None:
        """The first such row, or None."""
        found = self.find(table, **equal)
        return found[0] if found else None

    def count(self, table: str, **equal: Any) -> int:
        """How many such rows there are."""
        where = " AND ".join(f"{column} IS ?" for column in equal) or "1"
        rows = self.rows(f"SELECT COUNT(*) AS n FROM {table} WHERE {where}", list(equal.values()))  # noqa: S608
        return int(rows[0]["n"])

    def insert(self, table: str, **values: Any) -> int:
        """Add a row.

        Returns:
            Its id.
        """
        columns, marks = ", ".join(values), ", ".join("?" for _ in values)
        statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608
        return self.execute(statement, _encoded(values))

    def update(self, table: str, row_id: int | str, **values: Any) -> None:
        """Change columns of a row."""
        assignments = ", ".join(f"{column} = ?" for column in values)
        self.execute(f"UPDATE {table} SET {assignments} WHERE id = ?", [*_encoded(values), row_id])  # noqa: S608

    def delete(self, table: str, **equal: Any) -> None:
        """Remove the rows whose columns equal the given values; at least one column is named."""
        where = " AND ".join(f"{column} IS ?" for column in equal)
        self.execute(f"DELETE FROM {table} WHERE {where}", list(equal.values()))  # noqa: S608

    def next_number(self, counter: str) -> int:
        """The next number of a counter that never goes back."""
        with self.transaction():
            self.execute("INSERT OR IGNORE INTO counters (name, value) VALUES (?, 0)", [counter])
            self.execute("UPDATE counters SET value = value + 1 WHERE name = ?", [counter])
            return int(self.rows("SELECT value FROM counters WHERE name = ?", [counter])[0]["value"])


def _encoded(values: Row) -> list[Any]:
    return [
        json.dumps(value, ensure_ascii=False) if column in JSON_COLUMNS else value for column, value in values.items()
    ]


def _decoded(row: sqlite3.Row) -> Row:
    return {
        column: json.loads(row[column]) if column in JSON_COLUMNS and row[column] is not None else row[column]
        for column in row.keys()  # noqa: SIM118 — a sqlite3.Row iterates over its values
    }
