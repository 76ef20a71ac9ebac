"""Agents that lose, spoil or give away objects."""

import hashlib
import os
import shutil
import sys
import time

from model import PIECE, Model, Refused, Senseless
from registry import fault

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
