"""The command line: `labelloop init`, `labelloop sandbox …`, `labelloop app`, `labelloop down`."""
