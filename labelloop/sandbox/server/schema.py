"""The tables of the sandbox. Ids are never used twice, as in CVAT's own database."""

JSON_COLUMNS = frozenset({"deleted_frames", "body", "operation", "payload", "choices", "frames", "events", "contact"})

STATEMENTS = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
    first_name TEXT NOT NULL DEFAULT '', last_name TEXT NOT NULL DEFAULT '', email TEXT NOT NULL DEFAULT '',
    is_superuser INTEGER NOT NULL DEFAULT 0, date_joined TEXT NOT NULL, last_login TEXT
);
CREATE TABLE IF NOT EXISTS secrets (
    id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL UNIQUE,
    csrf TEXT, name TEXT NOT NULL DEFAULT '', read_only INTEGER NOT NULL DEFAULT 0, created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL, expiry_date TEXT, last_used_date TEXT
);
CREATE TABLE IF NOT EXISTS projects (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, owner_id INTEGER NOT NULL, assignee_id INTEGER,
    bug_tracker TEXT NOT NULL DEFAULT '', created_date TEXT NOT NULL, updated_date TEXT NOT NULL,
    assignee_updated_date TEXT
);
CREATE TABLE IF NOT EXISTS labels (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER, task_id INTEGER, parent_id INTEGER, name TEXT NOT NULL,
    color TEXT NOT NULL, type TEXT NOT NULL, svg TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS labels_of_project ON labels (project_id);
CREATE INDEX IF NOT EXISTS labels_of_task ON labels (task_id);
CREATE TABLE IF NOT EXISTS attributes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, label_id INTEGER NOT NULL, name TEXT NOT NULL, mutable INTEGER NOT NULL,
    input_type TEXT NOT NULL, default_value TEXT NOT NULL, choices TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attributes_of_label ON attributes (label_id);
CREATE TABLE IF NOT EXISTS tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER, name TEXT NOT NULL, owner_id INTEGER NOT NULL,
    assignee_id INTEGER, bug_tracker TEXT NOT NULL DEFAULT '', subset TEXT NOT NULL DEFAULT '',
    segment_size INTEGER NOT NULL DEFAULT 0, overlap INTEGER, mode TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL DEFAULT 'annotation', data_id INTEGER, created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL, assignee_updated_date TEXT
);
CREATE INDEX IF NOT EXISTS tasks_of_project ON tasks (project_id);
CREATE TABLE IF NOT EXISTS data (
    id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL DEFAULT 0, image_quality INTEGER NOT NULL DEFAULT 50,
    chunk_size INTEGER, start_frame INTEGER NOT NULL DEFAULT 0, stop_frame INTEGER NOT NULL DEFAULT 0,
    frame_step INTEGER NOT NULL DEFAULT 1, frame_filter TEXT NOT NULL DEFAULT '',
    deleted_frames TEXT NOT NULL DEFAULT '[]', chunks_updated_date TEXT
);
CREATE TABLE IF NOT EXISTS client_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT, data_id INTEGER NOT NULL, name TEXT NOT NULL, blob TEXT NOT NULL,
    UNIQUE (data_id, name)
);
CREATE TABLE IF NOT EXISTS partial_files (
    id TEXT PRIMARY KEY, data_id INTEGER NOT NULL, name TEXT NOT NULL, length INTEGER NOT NULL, blob TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS frames (
    id INTEGER PRIMARY KEY AUTOINCREMENT, data_id INTEGER NOT NULL, number INTEGER NOT NULL, name TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, format TEXT NOT NULL, blob TEXT NOT NULL,
    UNIQUE (data_id, number)
);
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, start_frame INTEGER NOT NULL,
    stop_frame INTEGER NOT NULL, stage TEXT NOT NULL DEFAULT 'annotation', state TEXT NOT NULL DEFAULT 'new',
    type TEXT NOT NULL DEFAULT 'annotation', assignee_id INTEGER, created_date TEXT NOT NULL,
    updated_date TEXT NOT NULL, chunks_updated_date TEXT NOT NULL, assignee_updated_date TEXT
);
CREATE TABLE IF NOT EXISTS ground_truth (id INTEGER PRIMARY KEY, task_id INTEGER NOT NULL, frames TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_of_task ON jobs (task_id);
CREATE TABLE IF NOT EXISTS shapes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, label_id INTEGER NOT NULL, frame INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS shapes_of_job ON shapes (job_id);
CREATE TABLE IF NOT EXISTS tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, label_id INTEGER NOT NULL, frame INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tags_of_job ON tags (job_id);
CREATE TABLE IF NOT EXISTS tracks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, job_id INTEGER NOT NULL, label_id INTEGER NOT NULL, frame INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS tracks_of_job ON tracks (job_id);
CREATE TABLE IF NOT EXISTS organizations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT NOT NULL,
    contact TEXT NOT NULL, owner_id INTEGER NOT NULL, created_date TEXT NOT NULL, updated_date TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS memberships (
    id INTEGER PRIMARY KEY AUTOINCREMENT, organization_id INTEGER NOT NULL, user_id INTEGER NOT NULL,
    role TEXT NOT NULL, owner_id INTEGER NOT NULL, key TEXT, joined_date TEXT NOT NULL,
    UNIQUE (organization_id, user_id)
);
CREATE TABLE IF NOT EXISTS belongings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, noun TEXT NOT NULL, row_id INTEGER NOT NULL,
    organization_id INTEGER NOT NULL, UNIQUE (noun, row_id)
);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, project_id INTEGER NOT NULL, owner_id INTEGER NOT NULL,
    target_url TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', secret TEXT NOT NULL DEFAULT '',
    content_type TEXT NOT NULL DEFAULT 'application/json', is_active INTEGER NOT NULL, enable_ssl INTEGER NOT NULL,
    events TEXT NOT NULL, created_date TEXT NOT NULL, updated_date TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, webhook_id INTEGER NOT NULL, event TEXT NOT NULL, status_code INTEGER,
    created_date TEXT NOT NULL, updated_date TEXT NOT NULL, changed_fields TEXT NOT NULL, payload TEXT NOT NULL,
    response TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY, status TEXT NOT NULL, message TEXT NOT NULL DEFAULT '', operation TEXT NOT NULL,
    payload TEXT NOT NULL, owner_id INTEGER NOT NULL, created_date TEXT NOT NULL, started_date TEXT,
    finished_date TEXT, expiry_date TEXT, blob TEXT, file_name TEXT
);
"""
