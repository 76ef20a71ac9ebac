"""`cacheferry init`: sets a repository up; idempotent; never commits."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from cacheferry import reporting
from cacheferry.core import chosen, configfile, entries, repository, storeurl
from cacheferry.core.chosen import Chosen
from cacheferry.core.config import Config
from cacheferry.core.errors import ConfigurationError, ReadOnly
from cacheferry.core.files import tracked_files
from cacheferry.core.git import Git, GitFailed
from cacheferry.core.repository import Repository
from cacheferry.core.storeurl import StoreUrl
from cacheferry.setup import agent, files
from hooks import shims


@click.command("init")
@click.option(
    "--store", metavar="URL", help="Where objects go: a folder, or a URL (docs/stores.md)."
)
@click.option("--track", "globs", multiple=True, metavar="GLOB", help="What to share; repeatable.")
@click.option(
    "--global", "for_user", is_flag=True, help="Set the agent up for all clones of yours."
)
def command(store: str | None, globs: tuple[str, ...], for_user: bool) -> None:
    """Set this repository up: cacheferry.yaml, .gitattributes, .lfsconfig, agent, hooks."""
    if for_user:
        _for_user()
        return
    around = repository.find()
    try:
        done = set_up(around, store, globs)
    except PermissionError as error:
        raise ReadOnly(f"{error.filename or around.root} cannot be written") from None
    for line in done or ["everything is set up already"]:
        click.echo(line)
    say_what_next(around)


def _for_user() -> None:
    git = Git(Path.home())
    if not agent.has_git_lfs(git):
        raise ConfigurationError("git-lfs is not installed", "install it: https://git-lfs.com")
    changed = agent.register(git, "--global")
    click.echo("the agent is set up for every clone of yours" if changed else "nothing to do")


def set_up(around: Repository, store: str | None, globs: Sequence[str] = ()) -> list[str]:
    """Writes what is missing, and accepts the store; a line for each thing that is new.

    The committed files are as they were where it raises ConfigurationError.
    """
    with files.all_or_nothing(around):
        return _set_up(around, store, globs)


def _set_up(around: Repository, store: str | None, globs: Sequence[str]) -> list[str]:
    done = _write_config(around, store, globs)
    loaded = configfile.load(around)
    selected = _accept_store(around, loaded)
    plain_git = selected.url.scheme == "git"
    if files.extend_attributes(around, loaded, plain_git):
        done.append(".gitattributes routes the caches")
    done += _point_git_lfs(around, selected.url)
    if agent.set_up_merges(around, loaded):
        done.append("the merge driver is set up")
    return done + _install_hooks(around)


def _write_config(around: Repository, store: str | None, globs: Sequence[str]) -> list[str]:
    file = around.config_file
    if store is not None:
        storeurl.parse(store, around.root)  # refuses what cannot be a store
    if file.exists():
        return _change_config(around, store, globs)
    if not agent.has_git_lfs(around.git) and store not in ("git", "lfs"):
        reporting.warn("cacheferry: warning: git-lfs is not installed: using `store: git`")
        reporting.warn("cacheferry: hint: caches become ordinary blobs; install git-lfs and run")
        reporting.warn("cacheferry: hint: `cacheferry init --store URL` to use a store")
        store = "git"
    store = store or _usual_store(around)
    files.new_config(file, store, globs or _found_globs(around))
    return [f"cacheferry.yaml: store {storeurl.redacted(store)}"]


def _change_config(around: Repository, store: str | None, globs: Sequence[str]) -> list[str]:
    loaded, done = configfile.load(around), []
    if store is None and not loaded.store:
        store = _usual_store(around) if agent.has_git_lfs(around.git) else "git"
    if store is not None and store != loaded.store:
        files.set_store(around.config_file, store)
        done.append(f"cacheferry.yaml: store {storeurl.redacted(store)}")
    if files.add_track(around.config_file, loaded, globs):
        done.append("cacheferry.yaml: track " + ", ".join(globs))
    return done


def _usual_store(around: Repository) -> str:
    return f"../{around.root.name}-store"


def _found_globs(around: Repository) -> list[str]:
    """The folders in which pickles lie already; everywhere, where there are none."""
    everywhere = Config(track=("**/*.pkl",))
    found = set(tracked_files(around, everywhere))
    found -= entries.ignored(around.git, found)  # a virtual environment holds pickles, too
    folders = {path.rpartition("/")[0] for path in found if path.isprintable()}
    tops = sorted(f for f in folders if not any(f.startswith(o + "/") for o in folders if o != f))
    if not tops or "" in tops:
        return ["**/*.pkl"]
    return [f"{_literal(top)}/**/*.pkl" for top in tops]


def _literal(folder: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", folder)


def _accept_store(around: Repository, loaded: Config) -> Chosen:
    if loaded.store:
        chosen.accept(around, loaded.store)
    return chosen.chosen_store(around)


def _point_git_lfs(around: Repository, store: StoreUrl) -> list[str]:
    """Tells git-lfs where objects go: to the agent, to its own server, or nowhere."""
    done = []
    if store.needs_agent and files.write_lfsconfig(around):
        done.append(".lfsconfig points git-lfs at the agent")
    if not store.needs_agent and files.leave_lfsconfig(around):
        done.append(".lfsconfig points git-lfs at the agent no longer")
    if store.scheme == "git":
        return done
    if store.scheme == "lfs" and files.spare_downloads(around):
        done.append(".lfsconfig lets a missing object stay a pointer")
    if not agent.has_git_lfs(around.git):
        return [*done, "git-lfs is not installed: `cacheferry pull` works without it"]
    if store.needs_agent and _set_up_agent(around, store):
        done.append("the agent is set up in .git/config")
    if store.scheme == "lfs" and agent.set_up_filter(around.git):
        done.append("the LFS filter is set up in .git/config")
    _install_lfs_hooks(around)
    return done


def _set_up_agent(around: Repository, store: StoreUrl) -> bool:
    suited = agent.suit(around.git, store)
    return agent.register(around.git, "--local") or suited


def _install_lfs_hooks(around: Repository) -> None:
    try:
        if set(shims.status(around).values()) == {"absent"}:
            around.git.run("lfs", "install", "--local")
    except ConfigurationError:
        pass  # the hooks lie outside of the repository, and are not ours to change
    except GitFailed:
        reporting.warn(
            "cacheferry: warning: git-lfs leaves hooks of another tool alone; "
            'let your pre-push hook call `git lfs pre-push "$@"`'
        )


def _install_hooks(around: Repository) -> list[str]:
    try:
        changed = shims.install(around)
    except ConfigurationError as error:
        reporting.warn(f"cacheferry: warning: {error.message}")
        return []
    return [f"hooks: {', '.join(changed)}"] if changed else []


def say_what_next(around: Repository) -> None:
    """Prints what there is to commit, and what comes then."""
    changed = around.git.records("status", "--porcelain", "-z", "--", *files.COMMITTED)
    names = [os.path.relpath(around.root / record[3:]) for record in changed]
    if names:
        listing = shlex.join(names)
        click.echo("to commit:")
        click.echo(f"  git add {listing} && git commit -m 'Set up cacheferry' -- {listing}")
        click.echo("  git push    # the other sides need these files")
    caches = len(list(tracked_files(around, configfile.load(around))))
    if caches:
        here = reporting.caches(caches)
        click.echo(f"{here} here; `cacheferry sync` publishes what the remote does not have")
