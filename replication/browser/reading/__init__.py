"""The files under reports/, read strictly: runs, experiments, and all of a study."""
