"""Before a study: what it will need (`preflight`), and all of its bytes in one folder (`fetch`)."""
