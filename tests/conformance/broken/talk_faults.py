"""Agents that break the conversation."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

from model import PIECE, Model, Refused, Senseless
from registry import fault

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
