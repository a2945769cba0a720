"""The target of the checks: a machine, and its model, configuration and database."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from edgecls.doctor.isolated import Outcome, run_isolated
from edgecls.doctor.system import System
from edgecls.model.bundled import default_model

SERVICE_CONFIG = Path("/etc/edgecls/edgecls.toml")
"""The path that `edgecls service install` uses."""


@dataclass
class Target:
    """`model`, `config` and `database` as the command line names them; what it does not name the configuration does."""

    system: System = field(default_factory=System)
    model: Path | None = None
    config: Path | None = None
    database: Path | None = None

    @property
    def config_path(self) -> Path | None:
        """The configuration on the command line, else that of the service if it exists."""
        if self.config:
            return self.config
        installed = self.system.path(str(SERVICE_CONFIG))
        return installed if installed.is_file() else None

    @cached_property
    def configured(self) -> Outcome:
        """The settings that other checks need, see `probes.configuration`; none without a configuration."""
        return run_isolated("configuration", str(self.config_path)) if self.config_path else Outcome({})

    @property
    def model_path(self) -> Path:
        """Raises InputNotFound where an installation has lost its own."""
        named = self.model or self.configured.value.get("model")
        return Path(named) if named else default_model()

    @property
    def database_path(self) -> Path:
        """The results database; by default `results.db` in the current folder, as for all commands."""
        return self.database or Path(self.configured.value.get("database") or "results.db")

    @cached_property
    def replayed(self) -> Outcome:
        """The outcome of `probes.model`."""
        configured = self.configured.value
        # What the configuration says of labels and pixels is about the model that it names.
        of_model = ("runtime",) if self.model else ("runtime", "labels", "input_range")
        return run_isolated("model", str(self.model_path), *(configured.get(name) or "" for name in of_model))
