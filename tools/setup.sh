#!/bin/sh
# Everything `make demo` and `make test` need, on a machine with Python, git and make:
# a Python, .venv, the packages of pyproject.toml, git-lfs. Safe to run again.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
have_uv() { uv --version >/dev/null 2>&1; } # asked: a pyenv shim is there without its program

# --- system packages, where they may be installed without asking anybody ---------------------

root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo && sudo -n true 2>/dev/null; then sudo -n "$@"
    else return 1
    fi
}

# The package lists of a fresh machine are empty; one refresh is enough.
apt_install() {
    have apt-get || return 1
    [ -n "${lists_fresh:-}" ] || root apt-get update -qq >/dev/null 2>&1 || return 1
    lists_fresh=yes
    root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

# --- Python ------------------------------------------------------------------------------------

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for python in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if have "$python" && new_enough "$python"; then return; fi
    done
    # Ubuntu 22.04 has 3.10 and offers 3.11 beside it; uv brings its own.
    if apt_install python3.11 python3.11-venv && new_enough python3.11; then
        python=python3.11
    elif have_uv && uv python install 3.13 >/dev/null 2>&1; then
        python=$(uv python find 3.13)
    else
        fail 'needs Python 3.11 or later: install it (apt install python3.11, brew install python, winget install Python.Python.3.13) and try again'
    fi
}

# --- .venv -------------------------------------------------------------------------------------

in_venv() { # the path of a program in .venv, which Windows lays out its own way
    if [ -d .venv/Scripts ]; then echo ".venv/Scripts/$1"; else echo ".venv/bin/$1"; fi
}

make_venv() {
    # A copied or moved tree: its scripts still start the tree that they were made in.
    if [ -f .venv/ready ] && [ "$(cat .venv/ready)" != "$(pwd)" ]; then rm -rf .venv; fi
    if [ -d .venv ] && new_enough "$(in_venv python)"; then return; fi
    find_python
    say "$("$python" --version) into .venv"
    rm -rf .venv
    if have_uv; then
        uv venv --quiet --python "$(command -v "$python")" .venv
    else
        # Debian packs the module that makes a pip apart from Python.
        "$python" -c 'import ensurepip, venv' 2>/dev/null ||
            apt_install "$(version_package "$python")" || apt_install python3-venv ||
            fail "$python cannot make environments: apt install python3-venv, and try again"
        "$python" -m venv .venv
    fi
}

version_package() { # python3.11-venv for a Python 3.11
    "$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}

# --- packages ----------------------------------------------------------------------------------

install_packages() {
    say 'packages (development tools included)'
    venv_python=$(in_venv python)
    # uv takes one second where pip takes fifteen; without it, pip does.
    if have_uv; then
        uv pip install --quiet --python "$venv_python" --editable '.[dev]'
    elif "$venv_python" -m uv --version >/dev/null 2>&1 ||
        "$venv_python" -m pip install --quiet --disable-pip-version-check uv 2>/dev/null; then
        "$venv_python" -m uv pip install --quiet --python "$venv_python" --editable '.[dev]'
    else
        "$venv_python" -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
    fi
}

# --- git-lfs: cacheferry works without it, but its demo and tests show it at work --------------

install_git_lfs() {
    if git lfs version >/dev/null 2>&1; then return; fi
    say 'git-lfs'
    if apt_install git-lfs; then return; fi
    if have brew && brew install --quiet git-lfs >/dev/null 2>&1; then return; fi
    if have winget && winget install --silent --exact --id GitHub.GitLFS >/dev/null 2>&1; then return; fi
    say 'git-lfs is missing and may not be installed from here: apt install git-lfs, brew install git-lfs, or https://git-lfs.com'
}

# --- servers that the tests of the stores talk to: not ours to install, as they would be started --

name_missing_servers() {
    if have nginx && [ -x /usr/sbin/sshd ]; then return; fi
    say 'the tests of some stores are skipped without these: apt install nginx-extras openssh-server'
}

# Azure's emulator is npm's; Debian's npm has hundreds of dependencies, so it is not brought along.
install_azurite() {
    azurite="${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/cacheferry/azurite"
    if [ -f "$azurite/node_modules/azurite/dist/src/blob/main.js" ]; then return; fi
    if have node && have npm; then
        say 'azurite for the tests'
        npm install --silent --no-audit --no-fund --prefix "$azurite" azurite >/dev/null 2>&1 && return
    fi
    say "not installed: the tests of az:// are skipped (node, npm install --prefix $azurite azurite)"
}

have git || fail 'needs git: install it and try again'
make_venv
install_packages
install_git_lfs
name_missing_servers
install_azurite
pwd >.venv/ready
say 'ready'
