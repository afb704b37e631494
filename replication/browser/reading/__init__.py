"""The files under reports/, read strictly: runs, places, and all of a study."""
