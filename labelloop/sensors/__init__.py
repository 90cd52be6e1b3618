"""What drives the loop between two pieces of human work: three sensors that look at the state and request runs."""

from labelloop.sensors.annotation import cvat_tasks_completed
from labelloop.sensors.iteration import next_iteration
from labelloop.sensors.source import cvat_project_updated

SENSORS = [cvat_tasks_completed, next_iteration, cvat_project_updated]
