"""Build the pipeline of a configuration from its parts, and rebuild it for another one."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from edgecls.database.retry import GaveUp, retry
from edgecls.database.saved_frame_rows import SavedFrameRows
from edgecls.device.configuration.config import Config
from edgecls.device.configuration.source_settings import FolderSettings
from edgecls.device.maintenance import Maintenance
from edgecls.device.parts import OpenClassifiers, OpenDatabase, OpenSource, file_stamp
from edgecls.device.pipeline import GROUP_ROWS, FramePipeline, Unfinished
from edgecls.device.pipeline_counts import PipelineCounts
from edgecls.device.runs import begin_run
from edgecls.device.saving.saved_frames import SavedFrames, frames_folder
from edgecls.device.signals import Requests
from edgecls.device.vote import Vote
from edgecls.errors import FileReplaced
from edgecls.images.depth import UNKNOWN_WHITE
from edgecls.inference.classifier import Classifier
from edgecls.model.model_file import ModelFile


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Functions to call after every step, and at least once a second while the database is unavailable or checked."""

    on_step: Callable[[], None]
    on_wait: Callable[[], None]
    on_check: Callable[[], None]


class Assembly:
    """The open parts of `config`: database, source, classifiers, and the pipeline that joins them.

    While the database is unavailable, opening waits; it raises GaveUp once a stop is requested. Raises the errors of the
    parts.
    """

    def __init__(
        self,
        config: Config,
        classifiers: list[Classifier],
        requests: Requests,
        counts: PipelineCounts,
        callbacks: Callbacks,
    ) -> None:
        self.config = config
        self._requests, self._counts, self._callbacks = requests, counts, callbacks
        self._run_is_open = False
        with contextlib.ExitStack() as undo:
            self._database = self._open_database()
            undo.callback(self._database.close)
            self._source = OpenSource(config.source, self._database.store)
            undo.callback(self._source.close)
            self._classifiers = OpenClassifiers(classifiers, config)
            undo.callback(self._classifiers.close)
            self.pipeline = self._new_pipeline(Unfinished())
            undo.pop_all()

    def close(self) -> None:
        """Close the parts in reverse. A second call does nothing."""
        with contextlib.ExitStack() as stack:
            for part in (self._database, self._source, self._classifiers):
                stack.callback(part.close)

    @property
    def model(self) -> ModelFile:
        """The model of the classifiers."""
        return self._classifiers.model

    @property
    def source_name(self) -> str:
        """The name of the source."""
        return self._source.source.name

    def update_counts(self) -> None:
        """Take over the status of the source."""
        self._counts.update_source(self._source.source.status())

    def begin_run(self) -> None:
        """Register the run in the database, unless it is open. Raises GaveUp once a stop or a reload is requested."""
        if not self._run_is_open:
            config = self.config.model_dump(mode="json")
            self._retry(
                lambda: begin_run(
                    self._database.store, self.model, device=self.config.device, source=self.source_name, config=config
                )
            )
            self._run_is_open = True

    def end_run(self, reason: str, *, closes_vote: bool) -> None:
        """Note in the database why the run ends, after the row of an open vote if `closes_vote`.

        What the database does not take, now that a stop or a reload is requested, is left out.
        """
        with contextlib.suppress(GaveUp, FileReplaced):
            if closes_vote:
                self.begin_run()
                self.pipeline.close_vote()
        with contextlib.suppress(GaveUp, FileReplaced):
            self._retry(self._source.write_seen_files)
            self._retry(lambda: self._database.store.end_run(reason))
        self._run_is_open = False

    def switch(self, config: Config, classifiers: list[Classifier]) -> None:
        """Go on with another configuration, or another model. Parts that it leaves as they are stay open.

        A frame that could not be finished is classified by the new model. An open vote goes on, unless what it counts has
        changed.
        """
        old = self.config
        counted, will_count = (
            (each.source, each.vote, model.sha256)
            for each, model in ((old, self.model), (config, classifiers[0].model))
        )
        self.end_run("reloaded", closes_vote=counted != will_count)
        unfinished = self.pipeline.release()
        if counted != will_count:
            unfinished = replace(unfinished, vote=None)
        self._classifiers.close()
        new_database = config.database != old.database
        new_source = config.source != old.source or (new_database and isinstance(old.source, FolderSettings))
        if new_source:
            self._close_source()
            unfinished = replace(unfinished, frames=[])  # the new source delivers what has no row
        if new_database:
            self._database.close()
        self.config = config
        if new_database:
            self._database = self._open_database()
        if new_source:
            self._source = OpenSource(config.source, self._database.store)
        self._classifiers = OpenClassifiers(classifiers, config)
        self.pipeline = self._new_pipeline(unfinished)

    def reopen_database(self) -> None:
        """Open the file that is now at the name of the database, which was removed, replaced or overwritten, or a new one.

        Frames that were not acknowledged get their row there; files that stay in their folder are read again.
        """
        self._run_is_open = False
        unfinished = self.pipeline.release()
        is_folder = isinstance(self.config.source, FolderSettings)
        if is_folder:
            self._close_source()
            unfinished = replace(unfinished, frames=[])
        while True:
            self._database.close_store()
            self._wait_until_unchanged(self.config.database)
            with contextlib.suppress(FileReplaced):  # once more
                retry(self._database.reopen, self._requests.stop, progress=self._callbacks.on_wait)
                if is_folder:
                    self._source = OpenSource(self.config.source, self._database.store)
                self.pipeline = self._new_pipeline(unfinished)
                return
            if is_folder:
                self._source.close()

    def _wait_until_unchanged(self, path: Path) -> None:
        """Wait for a second in which the file at `path` does not change: another program may be copying it."""
        before, now = None, file_stamp(path)
        while now != before and not self._requests.stop.wait(1.0):
            self._callbacks.on_wait()
            before, now = now, file_stamp(path)

    def _close_source(self) -> None:
        self.update_counts()
        self._counts.close_source()
        self._source.close()

    def _open_database(self) -> OpenDatabase:
        stop, callbacks = self._requests.stop, self._callbacks
        return retry(
            lambda: OpenDatabase(self.config.database, stop, callbacks.on_check), stop, progress=callbacks.on_wait
        )

    def _new_pipeline(self, unfinished: Unfinished) -> FramePipeline:
        return retry(lambda: self._join(unfinished), self._requests.stop, progress=self._callbacks.on_wait)

    def _join(self, unfinished: Unfinished) -> FramePipeline:
        config, store, model = self.config, self._database.store, self.model
        files_stay = isinstance(config.source, FolderSettings) and config.source.after != "delete"
        saves_frames = config.saved_frames.keep != "none"
        saved_frames = SavedFrames(
            config.saved_frames,
            frames_folder(config.database),
            SavedFrameRows(store),
            from_files=not files_stay,
            white=model.info.preprocessing.white if model.info else UNKNOWN_WHITE,
        )
        has_vote = config.vote.votes > 1 or bool(config.vote.cooldown_seconds)
        return FramePipeline(
            self._source.source,
            self._classifiers.pool,
            store,
            interrupt=self._requests.interrupt,
            counts=self._counts,
            vote=(unfinished.vote or Vote(config.vote)) if has_vote else None,
            is_live=not config.source.is_replayed,
            saved_frames=saved_frames if saves_frames else None,
            maintenance=Maintenance(store, saved_frames, config),
            recent_frames=config.vote.votes if saves_frames else 0,
            # A frame that is saved waits for the disk anyway, and the limits of saved frames hold after every row.
            group_rows=1 if saves_frames or config.source.is_live else GROUP_ROWS,
            unfinished=unfinished,
            on_step=self._callbacks.on_step,
            on_wait=self._callbacks.on_wait,
        )

    def _retry(self, action: Callable[[], object]) -> None:
        retry(action, self._requests.interrupt, progress=self._callbacks.on_wait)
