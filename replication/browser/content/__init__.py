"""What the pages say, worked out before anything is drawn: sentences, tables, points, commands."""
