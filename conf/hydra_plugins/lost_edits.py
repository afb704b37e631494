"""Before `dvc exp run` composes params.yaml anew: what it loses of it, in one line.

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
            from replication.study.compose import tell_lost

            tell_lost(PROJECT, sys.argv)
        except (ImportError, OSError):  # not the study's Python, no params.yaml
            pass
        finally:
            sys.path.remove(str(PROJECT))
