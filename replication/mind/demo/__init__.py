"""An invented news site in MIND's file format: articles, readers, clicks and their true odds."""
