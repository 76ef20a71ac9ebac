"""cacheferry: what one side has computed is a cache HIT on every other side."""

# Not from typing: importing that would cost the agent more than its whole start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from cacheferry.verdicts import config_hash, verdict

__version__ = "0.1.0"
__all__ = ["__version__", "config_hash", "verdict"]


def __getattr__(name: str) -> object:
    # Imported on use: `import cacheferry` costs a script nothing, and changes nothing for it.
    if name in ("config_hash", "verdict"):
        from cacheferry import verdicts

        return getattr(verdicts, name)
    raise AttributeError(f"module 'cacheferry' has no attribute {name!r}")
