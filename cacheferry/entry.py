"""The console scripts. They, and `__main__`, are the only ones that change `sys.path`."""

from cacheferry import programs


def main() -> int:
    """`cacheferry`: the exit code."""
    programs.put_first()
    from cacheferry.cli import main as run

    return run()


def agent() -> int:
    """`cacheferry-agent`: the exit code."""
    programs.put_first()
    from lfs_agent.agent import main as run

    return run()
