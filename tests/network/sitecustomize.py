"""Python runs this first where its folder is on PYTHONPATH: every child process is guarded."""

import network_guard

network_guard.watch()
