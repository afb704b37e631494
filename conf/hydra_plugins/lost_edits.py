"""Before `dvc exp run` composes params.yaml anew: what it loses of it, or which key of -S the study
does not have, in one line.

DVC tells Hydra of this folder (`plugins_path` in .dvc/config).
"""

import sys
from pathlib import Path

from hydra.plugins.search_path_plugin import SearchPathPlugin

PROJECT = Path(__file__).resolve().parents[2]


class LostEdits(SearchPathPlugin):
    """Hydra asks it for more places of configuration, of which it knows none."""

    def manipulate_search_path(self, search_path):
        sys.path.append(str(PROJECT))
        try:
            from dvc.exceptions import InvalidArgumentError

            from replication.files.errors import StudyError
            from replication.study.compose import refuse_unknown, said_to_dvc, tell_lost

            try:
                refuse_unknown(list(said_to_dvc(sys.argv)))
            except StudyError as error:
                raise InvalidArgumentError(str(error)) from None
            tell_lost(PROJECT, sys.argv)
        except (ImportError, OSError):  # not the study's Python, no params.yaml
            pass
        finally:
            sys.path.remove(str(PROJECT))
