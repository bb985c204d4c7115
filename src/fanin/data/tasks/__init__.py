"""Generated tasks, by name: importing the files below registers their functions."""

from __future__ import annotations

from fanin.data.tasks import curves, points, scenes, sequences, walks
from fanin.data.tasks.registry import TASKS, Task, open_task

__all__ = ["TASKS", "Task", "curves", "open_task", "points", "scenes", "sequences", "walks"]
