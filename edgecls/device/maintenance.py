"""Keep the database and the saved frames within their limits and in order, between frames."""

from edgecls.database.retention import Retention
from edgecls.database.search_index_schedule import SearchIndex
from edgecls.database.store import Store
from edgecls.database.wal_checkpoints import WalCheckpoints
from edgecls.device.configuration.config import Config
from edgecls.device.configuration.source_settings import FolderSettings, VideoSettings
from edgecls.device.saving.saved_frames import SavedFrames


class Maintenance:
    """Prune saved frames and rows, extend the search index, and write SQLite's log back into the file."""

    def __init__(self, store: Store, saved_frames: SavedFrames, config: Config) -> None:
        source, limits = config.source, config.retention
        # A frame that comes again after a restart must not make a second row: a file that is kept, a frame of a video.
        comes_again = isinstance(source, VideoSettings) or (
            isinstance(source, FolderSettings) and source.after == "keep"
        )
        self._saved_frames = saved_frames
        self._retention = Retention(store, days=limits.rows_days, most=limits.rows_most, remember=comes_again)
        self._search_index = SearchIndex(store)
        self._wal_checkpoints = WalCheckpoints(store)

    def run(self, new_rows: int) -> None:
        """Do what is due, after a commit of `new_rows` rows or while no frame comes.

        Most calls look at the clock and at the state of the files, and ask the database nothing. Raises the errors of
        `Store` and, where a full disk keeps rows from being changed, Unavailable.
        """
        self._saved_frames.prune()
        self._retention.prune()
        self._search_index.catch_up(new_rows)
        self._wal_checkpoints.catch_up(new_rows)
