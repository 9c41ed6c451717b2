"""A bot on a terminal without the screens: its lines, a status line, one key for each thing."""
