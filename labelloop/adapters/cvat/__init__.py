"""CVAT, where people draw: tasks pushed once, progress and labels pulled as they are.

The only importer of `cvat_sdk`, which is imported where it is used, for that takes a second.
"""

from labelloop.adapters.cvat.access import CvatAccess, access_from_environment, access_from_file
from labelloop.adapters.cvat.client import CvatServer, connect
from labelloop.adapters.cvat.frames import DownloadedFrame, download_frames
from labelloop.adapters.cvat.names import sample_ids_of, split_images, upload_names
from labelloop.adapters.cvat.projects import ProjectRef, find_or_create_project, find_project
from labelloop.adapters.cvat.pull import TaskSummary, content, progress, tasks_of_project
from labelloop.adapters.cvat.push import push_task, retire_task

__all__ = [
    "CvatAccess",
    "CvatServer",
    "DownloadedFrame",
    "ProjectRef",
    "TaskSummary",
    "access_from_environment",
    "access_from_file",
    "connect",
    "content",
    "download_frames",
    "find_or_create_project",
    "find_project",
    "progress",
    "push_task",
    "retire_task",
    "sample_ids_of",
    "split_images",
    "tasks_of_project",
    "upload_names",
]
