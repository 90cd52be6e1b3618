"""A project on disk with everything a user has: settings, images, labels, a server, a database. Only YOLO is a fake."""

import shutil
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from labelloop.adapters import sandbox_server
from labelloop.adapters.cvat.projects import find_project
from labelloop.adapters.files.home import Home
from labelloop.definitions import defs
from labelloop.resources.compute import ComputeResource
from labelloop.resources.cvat import CvatResource
from labelloop.resources.dataset import DatasetResource
from labelloop.resources.detector import DetectorResource
from labelloop.resources.project import Project, ProjectResource
from labelloop.sandbox.annotator import HiddenTruth, annotate_open_tasks
from labelloop.sandbox.scenes.dataset import write_scenes
from labelloop.settings.yaml_file import CONFIG_NAME
from labelloop_tests.fakes import MemorisingDetector

SCENES = 40


@dataclass
class World:
    """A project and a Dagster instance; `run` is `dagster job execute` in this process."""

    folder: Path
    instance: dg.DagsterInstance
    cvat: CvatResource = field(default_factory=CvatResource)
    detector: DetectorResource = field(default_factory=MemorisingDetector)
    compute: ComputeResource = field(default_factory=ComputeResource)

    @property
    def now(self) -> Project:
        return Project(self.folder / CONFIG_NAME)

    def configure(self, **changes: Any) -> None:
        path = self.folder / CONFIG_NAME
        content = yaml.safe_load(path.read_text()) if path.is_file() else {}
        path.write_text(yaml.safe_dump(content | changes))

    def run_asset(self, name: str, iteration: str) -> dg.ExecuteInProcessResult:
        """Materialise one asset alone, as people do in the UI, past the checks of its job."""
        return self._execute(
            dg.define_asset_job(f"only_{name}", [name]).resolve(asset_graph=defs.resolve_asset_graph()), iteration, {}
        )

    def pretend(
        self, request: dg.RunRequest, status: dg.DagsterRunStatus, tags: Mapping[str, str] | None = None
    ) -> dg.DagsterRun:
        """A run of what a sensor requests, in this state, without anything being run."""
        partition = {"dagster/partition": request.partition_key} if request.partition_key else {}
        return self.instance.create_run_for_job(
            defs.resolve_job_def(str(request.job_name)),
            tags={**request.tags, **partition, **(tags or {})},
            status=status,
        )

    def run(self, job: str, iteration: str | None = None, **config: Any) -> dg.ExecuteInProcessResult:
        return self._execute(defs.resolve_job_def(job), iteration, config)

    def start(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Run what a sensor requests, as the daemon does."""
        tags = {**request.tags, "dagster/run_key": str(request.run_key)}
        return self._execute(defs.resolve_job_def(str(request.job_name)), request.partition_key, {}, tags)

    def _execute(
        self, job: dg.JobDefinition, iteration: str | None, config: dict, own: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        resources = {
            "project": ProjectResource(config_path=str(self.folder / CONFIG_NAME)),
            "dataset": DatasetResource(),
            "cvat": self.cvat,
            "detector": self.detector,
            "compute": self.compute,
        }
        # As a tag, the way the terminal gives it: the partition need not be registered.
        tags = {**(own or {}), **({"dagster/partition": iteration} if iteration else {})}
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        return job.execute_in_process(
            instance=self.instance, tags=tags, resources=resources, raise_on_error=False, run_config=quiet | config
        )

    def turn(self, jobs: Sequence[tuple[str, str | None]]) -> None:
        """Run jobs that have to succeed."""
        for job, iteration in jobs:
            result = self.run(job, iteration)
            assert result.success, failure_of(result)

    def turn_v0(self) -> None:
        """From the images to a model of v0 and what it selects, people played."""
        self.turn([("prepare_pool", None), ("next_batch", "v0"), ("send_holdout", None)])
        self.annotate()
        self.turn([("take_holdout", None), ("label_loop", "v0")])

    def annotate(self) -> None:
        now = self.now
        truth = HiddenTruth(now.ledger.source_labels(), frozenset(now.ledger.samples()["sample_id"]))
        told_of = find_project(self.cvat.server(now), now.settings.project_name).label_ids
        annotate_open_tasks(
            self.cvat.server(now),
            now.settings.project_name,
            truth.speaking_of(told_of),
            now.settings.annotators,
            now.settings.seed,
        )

    def copy(self, folder: Path) -> "World":
        """The same project in another folder, with a server and a Dagster instance of its own; this one is closed."""
        self.close()
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return World(folder, dg.DagsterInstance.ephemeral())

    def close(self) -> None:
        sandbox_server.shut_down(Home.of(self.folder / CONFIG_NAME))


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """First line a person sees of why a run failed."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            return failure.user_failure_data.description if failure.user_failure_data else str(failure.error)
    return ""


def metadata_of(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    """What the page of an asset shows after a run."""
    events = result.asset_materializations_for_node(asset)
    (event,) = [event for event in events if event.asset_key == dg.AssetKey(asset)]
    return {name: value.value for name, value in event.metadata.items()}


def make_world(folder: Path, **settings: Any) -> World:
    """A project of digit scenes in replay."""
    write_scenes(folder / "scenes", count=SCENES, seed=3, side=96)
    (folder / ".labelloop").mkdir()
    world = World(folder, dg.DagsterInstance.ephemeral())
    base = {
        "name": f"scenes-{uuid.uuid4().hex[:8]}",
        "sandbox": "replay",
        "source": {"type": "voc", "path": "scenes"},
        "batch": {"budget": 6, "golden_per_batch": 1},
        "splits": {"golden": 3.0},
        "zcore": {"n_sample": 300},
        "annotation": {"segment_size": 5},
    }
    world.configure(**(base | settings))
    return world
