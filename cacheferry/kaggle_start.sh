true = r''':' # cacheferry: paste all of this into a Kaggle cell, or run it with sh
set -eu
repository=@REPOSITORY@
branch=@BRANCH@
folder=@FOLDER@
run=@RUN@
# Each may be set from outside.
repository="${CACHEFERRY_REPOSITORY:-$repository}"
branch="${CACHEFERRY_BRANCH:-$branch}"
folder="${CACHEFERRY_FOLDER:-$folder}"
run="${CACHEFERRY_RUN:-$run}"
python="${PYTHON:-python3}"
say() { echo "[cacheferry] $*"; }

say "1/6 cacheferry itself"
ferry() { "$python" -P -m cacheferry "$@"; }
"$python" -P -c "import cacheferry" 2>/dev/null || "$python" -m pip install -q cacheferry

say "2/6 the repository, shallow, caches left out"
export GIT_TERMINAL_PROMPT=0 GIT_LFS_SKIP_SMUDGE=1
if [ -d "$folder/.git" ]; then
    git -C "$folder" pull -q --ff-only || say "not updated; going on with what is here"
else
    git clone -q --depth 1 --branch "$branch" -- "$repository" "$folder"
fi
cd "$folder"

say "3/6 agent, hooks, store"
ferry init

say "4/6 the caches that the current configs need"
needed="$(ferry status --json | "$python" -c '
import json, sys
caches = json.load(sys.stdin)["caches"]
print(",".join(c["path"] for c in caches
               if c["content"] == "pointer" and c["freshness"] in ("universal", "fresh")))
')"
if [ -n "$needed" ] && git lfs version >/dev/null 2>&1; then
    git lfs pull --include "$needed" || say "git lfs pull failed; cacheferry tries by itself"
fi
ferry pull || say "not every cache could be had; what is missing is computed again"
ferry check || true

say "5/6 run; each finished cache is published at once"
ferry daemon start
publish() {
    status=$?
    trap - EXIT INT TERM
    say "6/6 publish what is left"
    ferry sync || { left=$?; [ "$status" -ne 0 ] || status=$left; }
    ferry daemon stop
    exit "$status"
}
trap publish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
sh -c "$run"
exit
'''
# A Python cell goes on here: it hands the shell part above to sh and shows what that prints.
import subprocess

with subprocess.Popen(
    ["sh", "-c", chr(39) + true], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
) as shell:
    for line in shell.stdout:
        print(line, end="", flush=True)
if shell.returncode:
    raise RuntimeError(f"the start-up script ended with {shell.returncode}")
# For sh all of this is one quoted word, behind the exit; it ends here: '
