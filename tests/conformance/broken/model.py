"""A small right agent for a folder store: what the broken ones are made of, one change each.

It shares no code with the agent of this project, so that a case which passes here and fails on
a broken one has been seen to tell the two apart, whatever becomes of ours.
"""

import contextlib
import errno
import hashlib
import json
import os
import select
import signal
import stat
import subprocess
import sys
import time

PIECE = 1 << 20
READ = os.O_RDONLY | os.O_NONBLOCK


class Gone(Exception):
    """Nobody listens any more."""


class Senseless(Exception):
    """The agent ends with a message."""


class Refused(Exception):
    """One object's error."""


class Model:
    """Each method is one promise that a broken agent can break."""

    temporary = ".model-"

    def main(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        self.unread, self.operation, self.swept = b"", None, False
        try:
            while (line := self.line()) is not None and self.one(line):
                pass
        except Senseless as error:
            print(f"model: error: {error}", file=sys.stderr)
            return self.senseless_code
        except Gone:
            return 1
        return 0

    senseless_code = 2

    # The wire

    def line(self):
        while b"\n" not in self.unread:
            if len(self.unread) > PIECE:
                raise Senseless("a line without end")
            self.wait()
            data = os.read(0, 1 << 16)
            if not data:
                return self.last_line()
            self.unread += data
        line, _, self.unread = self.unread.partition(b"\n")
        return line

    def last_line(self):
        line, self.unread = self.unread, b""
        return line or None

    def wait(self):
        """Until there is a line, or nobody reads the answers."""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(1, 0)
        if 0 not in dict(poll.poll()):
            raise Gone

    def look_up(self):
        """Between two pieces: is git-lfs still there?"""
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(1, 0)
        ready = dict(poll.poll(0))
        if 1 in ready:
            raise Gone
        if 0 in ready and len(self.unread) < PIECE:
            data = os.read(0, 1 << 16)
            if not data and b"terminate" not in self.unread:
                raise Gone
            self.unread += data

    def parsed(self, line):
        try:
            message = json.loads(line.decode())
        except (ValueError, RecursionError):
            raise Senseless(f"no JSON: {line[:80]!r}") from None
        if not isinstance(message, dict):
            raise Senseless(f"no object: {line[:80]!r}")
        return message

    def say(self, **fields):
        data = json.dumps(fields).encode() + b"\n"
        try:
            while data:
                data = data[os.write(1, data) :]
        except OSError:
            raise Gone from None

    def one(self, line):
        """Serves one line; False after the last."""
        message = self.parsed(line)
        event = message.get("event")
        if event == "terminate":
            return self.terminate()
        if event == "init":
            self.init(message)
        elif event in ("upload", "download"):
            self.transfer(message)
        else:
            raise Senseless(f"unknown event {event!r:.80}")
        return True

    def terminate(self):
        return False

    def init(self, message):
        if self.operation:
            raise Senseless("a second init")
        if message.get("operation") not in ("upload", "download"):
            raise Senseless("an unknown operation")
        try:
            self.store, self.tmp = self.configured()
        except Refused as error:
            return self.say(error={"code": 1, "message": str(error)})
        self.operation = message["operation"]
        self.say()

    def configured(self):
        store = os.environ.get("STORE")
        if not store:
            raise Refused("no store")
        return store, os.path.join(self.storage(), "tmp")

    def storage(self):
        """The LFS storage."""
        common = os.path.join(os.getcwd(), self.git("rev-parse", "--git-common-dir"))
        return os.path.join(common, self.git("config", "lfs.storage") or "lfs")

    def git(self, *words):
        done = subprocess.run(["git", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return os.fsdecode(done.stdout.rstrip(b"\n"))

    def transfer(self, message):
        self.require_init()
        oid, size = message.get("oid"), message.get("size")
        if not isinstance(oid, str):
            raise Senseless("no oid")
        try:
            self.check(oid, size, message)
            if message["event"] == "upload":
                path = self.upload(oid, size, message.get("path"))
            else:
                path = self.download(oid, size)
        except (Refused, OSError, ValueError) as error:
            self.failed(oid, f"object {oid}: {error}")
        else:
            self.complete(oid, path)

    def require_init(self):
        if not self.operation:
            raise Senseless("a transfer before init")

    def failed(self, oid, words):
        self.say(event="complete", oid=oid, error={"code": 1, "message": words})

    def complete(self, oid, path):
        self.say(event="complete", oid=oid, **({"path": path} if path else {}))

    def check(self, oid, size, message):
        self.check_oid(oid)
        self.check_size(size)
        if message["event"] != self.operation:
            raise Refused(f"{message['event']} in a session for {self.operation}")

    def check_oid(self, oid):
        if len(oid) != 64 or not set(oid) <= set("0123456789abcdef"):
            raise Refused("not an oid")

    def check_size(self, size):
        if type(size) is not int or size < 0:
            raise Refused(f"not a size: {size!r:.80}")

    def moved(self, oid, so_far, new, size):
        """Progress of one piece."""
        self.say(event="progress", oid=oid, bytesSoFar=so_far, bytesSinceLast=new)

    # Uploads

    def upload(self, oid, size, path):
        if not isinstance(path, str) or not path:
            raise Refused("no path")
        target = self.place(oid)
        source = self.opened(path)
        with source:
            if os.fstat(source.fileno()).st_size != size:
                raise Refused("not of the size that was said")
            if self.is_there(oid, target, size):
                return self.moved(oid, size, size, size)
            self.prepare(target)
            self.copy(oid, size, source, target)

    def place(self, oid):
        return os.path.join(self.store, oid[:2], oid[2:4], oid)

    def opened(self, path):
        descriptor = os.open(path, READ)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused(f"{path} is not a regular file")
        return open(descriptor, "rb", buffering=0)

    def is_there(self, oid, target, size):
        try:
            if not os.path.exists(target):
                return False
            with self.opened(target) as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest() == oid
        except Refused:
            return False

    def prepare(self, target):
        if not os.path.isdir(os.path.dirname(self.store)):
            raise Refused(f"{self.store} is not there")
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not self.swept:
            self.swept = True
            for folder, _, _ in os.walk(self.store):
                self.sweep(folder)

    def sweep(self, folder):
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    if entry.name.startswith(self.temporary) and self.is_stale(entry):
                        os.unlink(entry.path)

    def is_stale(self, entry):
        return entry.stat().st_mtime < time.time() - 86400

    def temporary_name(self, target):
        return os.path.join(os.path.dirname(target), self.temporary + os.urandom(8).hex())

    store_mode = 0o666

    def copy(self, oid, size, source, target):
        name = self.temporary_name(target)
        with self.created(name, self.store_mode) as copy:
            self.pour(oid, size, source, copy)
            os.fsync(copy.fileno())
            self.put_in_place(name, target)
        folder = os.open(os.path.dirname(target), os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    def put_in_place(self, name, target):
        os.replace(name, target)

    @contextlib.contextmanager
    def created(self, name, mode):
        """A new file, gone again after an error."""
        with open(os.open(name, self.creating, mode), "wb", buffering=0) as copy:
            try:
                yield copy
            except BaseException:
                self.clean(name)
                raise

    creating = os.O_WRONLY | os.O_CREAT | os.O_EXCL

    def clean(self, name):
        os.unlink(name)

    def pour(self, oid, size, source, copy):
        digest, so_far = hashlib.sha256(), 0
        while piece := source.read(PIECE):
            digest.update(piece)
            so_far += len(piece)
            if so_far > size:
                raise Refused("larger than was said")
            self.write(copy, piece)
            self.moved(oid, so_far, len(piece), size)
            self.look_up()
        if not so_far:
            self.moved(oid, 0, 0, size)
        self.verify(oid, digest.hexdigest() == oid and so_far == size)

    def write(self, copy, piece):
        while piece:
            piece = piece[copy.write(piece) :]

    def verify(self, oid, whole):
        if not whole:
            raise Refused(f"not its bytes, in the store {self.store}")

    # Downloads

    download_mode = 0o600

    def download(self, oid, size):
        if not os.path.exists(self.place(oid)):
            return self.missing(oid)
        os.makedirs(self.tmp, exist_ok=True)
        self.sweep(self.tmp)
        target = os.path.join(self.tmp, f"{self.temporary}{oid}-{os.urandom(4).hex()}")
        target.encode()  # git-lfs reads UTF-8
        return self.fetch(oid, size, target)

    def missing(self, oid):
        raise Refused(f"not in the store {self.store}")

    def fetch(self, oid, size, target):
        with (
            self.opened(self.place(oid)) as source,
            self.created(target, self.download_mode) as copy,
        ):
            self.pour(oid, size, source, copy)
        return target


def is_full(error):
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EFBIG)
