"""Agents that fail where disks, places, crowds and kills put them to the test."""

import os
import time
from urllib.parse import unquote

from model import Model, is_full
from registry import fault

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
