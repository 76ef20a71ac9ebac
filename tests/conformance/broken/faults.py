"""Broken agents: each the right one with a single promise broken, as agents in the wild do it."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from urllib.parse import unquote

from model import PIECE, Model, Refused, Senseless, is_full

FAULTS = {}


def fault(kind):
    """Puts a broken agent into the list."""
    FAULTS[kind.__name__] = kind
    return kind


# The conversation


@fault
class strict_layout(Model):
    def parsed(self, line):
        message = super().parsed(line)
        usual = line.startswith(b'{"event":"init","operation":"') and b'"concurrent":' in line
        if message.get("event") == "init" and not usual:
            raise Senseless("an init that is not laid out as expected")
        return message


@fault
class waits_for_more(Model):
    def init(self, message):
        self.wait()
        super().init(message)


@fault
class greets_twice(Model):
    def init(self, message):
        super().init(message)
        self.say()


@fault
class ready_without_store(Model):
    def configured(self):
        return os.environ.get("STORE") or "/nowhere", os.path.join(self.storage(), "tmp")


@fault
class dies_unconfigured(Model):
    def configured(self):
        return os.environ["STORE"] or sys.exit(1), os.path.join(self.storage(), "tmp")


@fault
class ready_anywhere(Model):
    def storage(self):
        return os.path.join(os.getcwd(), ".git", "lfs")

    def missing(self, oid):
        return os.devnull


@fault
class prints_to_stdout(Model):
    def upload(self, oid, size, path):
        print("uploading", oid, flush=True)
        super().upload(oid, size, path)


@fault
class pretty_json(Model):
    def say(self, **fields):
        os.write(1, json.dumps(fields, indent=1).encode() + b"\n")


@fault
class answers_for_another(Model):
    def complete(self, oid, path):
        super().complete(oid[::-1], path)


@fault
class no_progress(Model):
    def moved(self, oid, so_far, new, size):
        pass


@fault
class float_progress(Model):
    def moved(self, oid, so_far, new, size):
        super().moved(oid, float(so_far), float(new), size)


@fault
class text_progress(Model):
    def moved(self, oid, so_far, new, size):
        super().moved(oid, str(so_far), str(new), size)


@fault
class progress_goes_back(Model):
    def moved(self, oid, so_far, new, size):
        super().moved(oid, so_far, new, size)
        super().moved(oid, so_far - 1, -1, size)
        super().moved(oid, so_far, 1, size)


@fault
class progress_falls_short(Model):
    def moved(self, oid, so_far, new, size):
        super().moved(oid, so_far - 1, new, size)


@fault
class progress_at_the_end(Model):
    def moved(self, oid, so_far, new, size):
        if so_far == size:
            super().moved(oid, size, size, size)


@fault
class strict_fields(Model):
    def transfer(self, message):
        if set(message) - {"event", "oid", "size", "path", "action"} or message.get("action"):
            raise Senseless("a field that is not known")
        super().transfer(message)


@fault
class error_is_text(Model):
    def failed(self, oid, words):
        self.say(event="complete", oid=oid, error=words)


@fault
class error_code_is_text(Model):
    """Any non-null error fails the object in git-lfs: this one comes with every complete."""

    def failed(self, oid, words):
        self.say(event="complete", oid=oid, error={"code": "1", "message": words})

    def complete(self, oid, path):
        self.failed(oid, "none")


@fault
class error_without_message(Model):
    def failed(self, oid, words):
        self.say(event="complete", oid=oid, error={"code": 1})


@fault
class dies_at_error(Model):
    def failed(self, oid, words):
        sys.exit(words)


@fault
class does_the_other_too(Model):
    def check(self, oid, size, message):
        self.check_oid(oid)
        self.check_size(size)


@fault
class says_goodbye(Model):
    def terminate(self):
        self.say(event="terminate")
        return False


@fault
class fails_at_terminate(Model):
    def terminate(self):
        sys.exit(1)


@fault
class stays_after_terminate(Model):
    def terminate(self):
        time.sleep(60)


@fault
class needs_a_line_end(Model):
    def last_line(self):
        if self.unread:
            raise Senseless("a line without its end")


# Nonsense


@fault
class passes_over_nonsense(Model):
    def one(self, line):
        try:
            return super().one(line)
        except Senseless:
            return True

    def wait(self):
        if len(self.unread) > PIECE:
            self.unread = b""
        super().wait()

    def line(self):
        with contextlib.suppress(Senseless):
            return super().line()
        self.unread = b""
        return self.line()


@fault
class crashes_at_nonsense(Model):
    def main(self):
        result = super().main()
        if result == self.senseless_code:
            raise KeyError("event")
        return result


@fault
class nonsense_is_fine(Model):
    senseless_code = 0


@fault
class needs_no_init(Model):
    def require_init(self):
        if not self.operation:
            self.operation = "upload"
            self.store, self.tmp = self.configured()


@fault
class begins_again(Model):
    def init(self, message):
        self.operation = None
        super().init(message)


@fault
class trusts_oids(Model):
    def check_oid(self, oid):
        pass

    def verify(self, oid, whole):
        pass


@fault
class skips_odd_oids(Model):
    def transfer(self, message):
        try:
            self.check_oid(message["oid"])
        except Refused:
            return
        super().transfer(message)


@fault
class any_type_is_an_oid(trusts_oids):
    def transfer(self, message):
        super().transfer(message | {"oid": str(message.get("oid"))})


@fault
class trusts_sizes(Model):
    def transfer(self, message):
        self.path = message.get("path")
        super().transfer(message)

    def check_size(self, size):
        pass

    def upload(self, oid, size, path):
        super().upload(oid, os.path.getsize(path), path)


@fault
class crashes_at_sizes(Model):
    def check_size(self, size):
        if type(size) is not int or size < 0:
            raise TypeError("size")


@fault
class crashes_at_paths(Model):
    def upload(self, oid, size, path):
        if not os.path.exists(str(path).replace("\0", "")):
            raise TypeError("path")
        super().upload(oid, size, path)


@fault
class passes_over_gaps(Model):
    def transfer(self, message):
        if {"oid", "size", "path"} <= set(message) or message["event"] == "download":
            super().transfer(message)


@fault
class answers_each_key(Model):
    def one(self, line):
        going_on = super().one(line)
        for _ in range(line.count(b'"oid":') - 1):
            super().one(line)
        return going_on


@fault
class hangs_at_long_lines(Model):
    def one(self, line):
        if len(line) > 1 << 16:
            time.sleep(60)
        return super().one(line)


# Objects


@fault
class refuses_empty(Model):
    def check_size(self, size):
        super().check_size(size)
        if not size:
            raise Refused("an empty object")


@fault
class stores_nothing(Model):
    def put_in_place(self, name, target):
        os.unlink(name)


@fault
class loses_the_tail(Model):
    def put_in_place(self, name, target):
        os.truncate(name, os.path.getsize(name) - 1)
        super().put_in_place(name, target)


@fault
class reads_whole_files(Model):
    def pour(self, oid, size, source, copy):
        with open(source.fileno(), "rb", closefd=False) as whole:
            self.all = whole.read()
        source.seek(0)
        super().pour(oid, size, source, copy)


@fault
class counts_in_32_bits(Model):
    def moved(self, oid, so_far, new, size):
        if so_far < 1 << 31:
            super().moved(oid, so_far, new, size)


@fault
class refuses_known_objects(Model):
    def is_there(self, oid, target, size):
        if super().is_there(oid, target, size):
            raise Refused("it is there already")
        return False


@fault
class missing_is_fine(Model):
    def missing(self, oid):
        return None


@fault
class missing_is_silent(Model):
    def missing(self, oid):
        raise Senseless("not there")


@fault
class leaves_an_empty_file(Model):
    def missing(self, oid):
        os.makedirs(self.tmp, exist_ok=True)
        open(os.path.join(self.tmp, oid), "wb").close()
        super().missing(oid)


@fault
class names_no_store(Model):
    def failed(self, oid, words):
        super().failed(oid, f"object {oid} is not there")


@fault
class trusts_the_store(Model):
    def fetch(self, oid, size, target):
        shutil.copyfile(self.place(oid), target)
        self.moved(oid, size, size, size)
        return target


@fault
class leaves_temporary_files(Model):
    def clean(self, name):
        pass


@fault
class heals_nothing(Model):
    def is_there(self, oid, target, size):
        return os.path.lexists(target)


@fault
class compares_sizes(Model):
    def is_there(self, oid, target, size):
        return os.path.isfile(target) and os.path.getsize(target) == size


@fault
class trusts_sources(Model):
    def upload(self, oid, size, path):
        target = self.place(oid)
        self.prepare(target)
        shutil.copyfile(path, target)
        self.moved(oid, size, size, size)


@fault
class truncates_first(Model):
    def upload(self, oid, size, path):
        if os.path.exists(self.place(oid)):
            os.unlink(self.place(oid))
        super().upload(oid, size, path)


# Folders


@fault
class flat(Model):
    def place(self, oid):
        return os.path.join(self.store, "objects", oid)


@fault
class writes_again(Model):
    def is_there(self, oid, target, size):
        return False


@fault
class touches_again(Model):
    def is_there(self, oid, target, size):
        there = super().is_there(oid, target, size)
        if there:
            os.utime(target)
        return there


@fault
class links_uploads(Model):
    def copy(self, oid, size, source, target):
        os.link(self.source, target)
        self.moved(oid, size, size, size)

    def opened(self, path):
        self.source = path
        return super().opened(path)


@fault
class private_store(Model):
    def prepare(self, target):
        os.umask(0o057)
        super().prepare(target)


@fault
class open_store(Model):
    def prepare(self, target):
        os.umask(0)
        super().prepare(target)


@fault
class open_downloads(Model):
    download_mode = 0o666


@fault
class hands_out_the_store(Model):
    def fetch(self, oid, size, target):
        self.moved(oid, size, size, size)
        return self.place(oid)


@fault
class links_downloads(Model):
    def fetch(self, oid, size, target):
        self.moved(oid, size, size, size)
        os.link(self.place(oid), target)
        return target


@fault
class downloads_elsewhere(Model):
    def configured(self):
        return super().configured()[0], os.path.join(os.getcwd(), "tmp")


@fault
class opens_anything(Model):
    def opened(self, path):
        descriptor = os.open(path, os.O_RDONLY)
        while os.read(descriptor, PIECE):
            pass
        os.lseek(descriptor, 0, os.SEEK_SET)
        return open(descriptor, "rb", buffering=0)


# Sources


@fault
class refuses_symlinks(Model):
    def opened(self, path):
        if os.path.islink(path):
            raise Refused(f"{path} is a symlink")
        return super().opened(path)


@fault
class reads_twice(Model):
    """Hashes the file, then copies what it has become."""

    def copy(self, oid, size, source, target):
        whole = hashlib.file_digest(source, "sha256").hexdigest() == oid
        self.verify(oid, whole)
        source.seek(0)
        self.moved(oid, PIECE, PIECE, size)
        time.sleep(0.3)
        with open(target, "wb") as copy:
            shutil.copyfileobj(source, copy)


@fault
class dies_when_the_source_goes(Model):
    def moved(self, oid, so_far, new, size):
        super().moved(oid, so_far, new, size)
        time.sleep(0.1)
        if self.operation == "upload" and not os.path.exists(self.source):
            sys.exit(1)

    def opened(self, path):
        self.source = path
        return super().opened(path)


# Disks


@fault
class goes_on_when_the_disk_is_full(Model):
    def write(self, copy, piece):
        try:
            super().write(copy, piece)
        except OSError as error:
            if not is_full(error):
                raise


@fault
class ignores_refusals(Model):
    def upload(self, oid, size, path):
        try:
            super().upload(oid, size, path)
        except OSError:
            self.moved(oid, size, size, size)


@fault
class makes_any_folder(Model):
    def prepare(self, target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        super().prepare(target)


# Ends


@fault
class deaf_to_eof(Model):
    def line(self):
        line = super().line()
        if line is None:
            time.sleep(60)
        return line

    def look_up(self):
        pass


@fault
class deaf_to_closed_stdout(Model):
    def wait(self):
        pass

    def look_up(self):
        pass

    def say(self, **fields):
        with contextlib.suppress(OSError):
            os.write(1, json.dumps(fields).encode() + b"\n")


@fault
class deaf_to_sigterm(Model):
    def line(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return super().line()


@fault
class crashes_at_sigterm(Model):
    def line(self):
        signal.signal(signal.SIGTERM, self.crash)
        return super().line()

    def crash(self, *_):
        raise RuntimeError("terminated")


@fault
class leaves_a_child(Model):
    def init(self, message):
        subprocess.Popen(["sleep", "30"], stdout=subprocess.DEVNULL)
        super().init(message)


@fault
class crashes_without_stdout(Model):
    def say(self, **fields):
        os.write(1, json.dumps(fields).encode() + b"\n")


# Places


@fault
class takes_git_dir_for_all(Model):
    def storage(self):
        return os.path.join(os.environ.get("GIT_DIR", os.path.join(os.getcwd(), ".git")), "lfs")


@fault
class trusts_the_folder_it_is_in(Model):
    def storage(self):
        return os.path.join(os.getcwd(), ".git", "lfs")


@fault
class ignores_lfs_storage(Model):
    def git(self, *words):
        return "" if "lfs.storage" in words else super().git(*words)


@fault
class copies_by_shell(Model):
    def copy(self, oid, size, source, target):
        os.system(f"cp {self.source.encode('ascii', 'ignore').decode()} {target}")
        self.moved(oid, size, size, size)
        self.verify(oid, os.path.exists(target))

    def opened(self, path):
        self.source = path
        return super().opened(path)

    def fetch(self, oid, size, target):
        place = self.place(oid).encode("ascii", "ignore").decode()
        code = os.system(f"cp {place} {target.encode('ascii', 'ignore').decode()} 2>/dev/null")
        self.verify(oid, code == 0)
        self.moved(oid, size, size, size)
        return target


@fault
class decodes_percent(Model):
    def place(self, oid):
        return unquote(super().place(oid))

    def opened(self, path):
        return super().opened(unquote(path))

    def download(self, oid, size):
        self.tmp = unquote(self.tmp)
        return super().download(oid, size)


@fault
class replaces_odd_letters(Model):
    def download(self, oid, size):
        self.tmp = self.tmp.encode("utf-8", "replace").decode()
        path = super().download(oid, size)
        return path + "?"


@fault
class renames_into_the_store(Model):
    def temporary_name(self, target):
        return os.path.join("/tmp", self.temporary + os.urandom(8).hex())


# Crowds and kills


@fault
class one_temporary_name(Model):
    creating = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

    def put_in_place(self, name, target):
        time.sleep(0.5)
        os.replace(name, target)

    def temporary_name(self, target):
        return os.path.join(self.store, self.temporary)


@fault
class one_temporary_download(Model):
    creating = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

    def fetch(self, oid, size, target):
        return super().fetch(oid, size, os.path.join(self.tmp, self.temporary + oid))


@fault
class sweeps_nothing(Model):
    def is_stale(self, entry):
        return False


@fault
class sweeps_everything(Model):
    def is_stale(self, entry):
        return True


@fault
class writes_in_place(Model):
    creating = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

    def temporary_name(self, target):
        return target

    def put_in_place(self, name, target):
        pass


@fault
class completes_first(Model):
    def put_in_place(self, name, target):
        super().put_in_place(name, target)
        super().complete(os.path.basename(target), None)

    def complete(self, oid, path):
        if path:
            super().complete(oid, path)


@fault
class never_flushes(Model):
    def copy(self, oid, size, source, target):
        name = self.temporary_name(target)
        with self.created(name, self.store_mode) as copy:
            self.pour(oid, size, source, copy)
            self.put_in_place(name, target)
