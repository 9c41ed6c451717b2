"""Screens and commands.

Whatever a key changes is painted within 5 ms: Textual's 60 frames a second would keep it for 17.
"""

import os

os.environ.setdefault("TEXTUAL_FPS", "200")
