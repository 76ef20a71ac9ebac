# ruff: noqa: E501
"""Pickles made by code: data as programs really write it, and attacks as their authors would.

Nothing here runs when imported. `attacks(marker)` are pickles that make the file `marker` when
they are loaded (where the Python at hand still has the module); `forgeries()` must not be called
safe either, though loading them may merely fail.
"""

import array
import collections
import datetime
import decimal
import fractions
import importlib
import ipaddress
import pathlib
import pickle
import struct
import types
import uuid
from collections.abc import Iterator
from typing import Any

STOP = b"."


def text(value: str) -> bytes:
    """A text pushed with its length in one byte, or in four."""
    raw = value.encode("utf-8", "surrogatepass")
    if len(raw) < 256:
        return b"\x8c" + bytes([len(raw)]) + raw
    return b"X" + struct.pack("<I", len(raw)) + raw


def old_text(value: str) -> bytes:
    """A text of protocols 1 to 3."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def named(module: str, name: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def stacked(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def call(target: bytes, *args: bytes) -> bytes:
    """REDUCE of a target with these arguments."""
    return target + b"(" + b"".join(args) + b"tR"


def proto(number: int, body: bytes) -> bytes:
    return b"\x80" + bytes([number]) + body + STOP


# --- data


def plain_values() -> dict[str, Any]:
    """What the standard library alone makes."""
    loop: list[Any] = [1]
    loop.append({"self": loop, "pair": (loop, loop)})
    counted = collections.Counter("abracadabra")
    by_key = collections.defaultdict(list, {"a": [1, 2]})
    shared = tuple(f"text {number}" for number in range(400))
    now = datetime.datetime(2024, 2, 29, 12, 30, 1, 5, datetime.UTC)
    return {
        "none": None,
        "booleans": [True, False],
        "integers": [0, -1, 255, 256, 65535, 65536, -(2**31), 2**31, 2**63, -(2**200), 2**3000],
        "floats": [0.0, -1.5, 1e300, float("inf"), float("-inf"), float("nan")],
        "complex": 1 + 2j,
        "texts": ["", "a", "é\n\\u1234", "\U0001f600", "\ud800", "x" * 255, "x" * 256, "y" * 70000],
        "bytes": [b"", b"a", bytes(range(256)), b"z" * 70000],
        "bytearrays": [bytearray(), bytearray(b"abc"), bytearray(70000)],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), tuple(range(3000))],
        "nested": [[[[[{"a": {"b": {"c": ({1}, frozenset([2]))}}}]]]]],
        "sets": [set(), {1, 2}, frozenset(), frozenset("ab"), set(range(3000))],
        "big list": list(range(5000)),
        "big dictionary": {f"key {n}": n / 3 for n in range(3000)},
        "recursive": loop,
        "memo": [shared, shared, list(shared), dict.fromkeys(shared)],
        "names as data": ["os", "system", "builtins", "eval", "numpy", "ndarray", "os.system"],
        "ranges": [range(3), slice(1, None, 2), Ellipsis, NotImplemented],
        "classes": [int, list, collections.OrderedDict, datetime.date],
        "collections": [counted, by_key, collections.OrderedDict(a=1), collections.deque([1], 9)],
        "datetime": [now, now.date(), now.time(), now - now, datetime.UTC],
        "offset": datetime.timezone(datetime.timedelta(hours=1), "CET"),
        "decimal": [decimal.Decimal("1.10"), decimal.Decimal("NaN")],
        "fraction": fractions.Fraction(1, 3),
        "uuid": [uuid.UUID(int=5), uuid.UUID(int=7, is_safe=uuid.SafeUUID.safe)],
        "paths": [pathlib.PurePosixPath("/a"), pathlib.PureWindowsPath("c:/b"), pathlib.Path("x")],
        "namespace": types.SimpleNamespace(a=1, b=[2]),
        "array": [array.array("d", [1.0, 2.0]), array.array("b")],
        "addresses": [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("fe80::/64")],
        "framed": [b"q" * 200_000, "w" * 200_000, list(range(30_000)), bytearray(200_000)],
    }


def numpy_values() -> dict[str, Any]:
    """What numpy makes; empty where it is missing."""
    try:
        import numpy as np
    except ImportError:
        return {}
    table = np.zeros(3, np.dtype([("a", "i4"), ("b", "f8", (2,)), ("c", "U5")]))
    generators = {
        f"generator {name}": np.random.Generator(getattr(np.random, name)(1))
        for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
    }
    return {
        "arrays": [np.arange(5), np.zeros((3, 4), order="F"), np.arange(9)[::2], np.array(5)],
        "empty": [np.zeros(0), np.zeros((0, 3))],
        "big array": np.arange(40_000.0),
        "big endian": np.arange(4, dtype=">i4"),
        "objects": np.array([1, "a", None, b"x", [2]], dtype=object),
        "strings": [np.array(["a", "bc"]), np.array([b"a"])],
        "dates": [np.array(["2020-01-01"], "M8[D]"), np.timedelta64(3, "h")],
        "scalars": [np.float64(1), np.int8(2), np.bool_(True), np.complex64(1j), np.str_("a")],
        "dtypes": [np.dtype("f8"), table.dtype, np.float32],
        "structured": [table, table[0], table.view(np.recarray)],
        "masked": [np.ma.array([1, 2], mask=[False, True]), np.ma.masked],
        "random state": np.random.RandomState(3),
        "seed": np.random.SeedSequence(5),
        **generators,
    }


def pandas_values() -> dict[str, Any]:
    """What pandas makes; empty where it is missing."""
    try:
        pd: Any = importlib.import_module("pandas")
    except ImportError:
        return {}
    frame = pd.DataFrame(
        {
            "integer": [1, 2],
            "text": ["x", None],
            "day": pd.to_datetime(["2020-01-01", "2021-01-01"]),
            "utc": pd.to_datetime(["2020-01-01", "2021-01-01"], utc=True),
            "kind": pd.Categorical(["a", "b"]),
            "span": pd.to_timedelta([1, 2], "D"),
            "nullable": pd.array([1, None], dtype="Int64"),
            "boolean": pd.array([True, None], dtype="boolean"),
            "period": pd.period_range("2020", periods=2, freq="M"),
            "object": [[1], {2}],
        }
    )
    return {
        "frame": frame,
        "series": frame["text"],
        "multi": frame.set_index(["integer", "text"]),
        "days": pd.date_range("2020", periods=3, freq="MS"),
        "spans": pd.timedelta_range("1D", periods=3),
        "intervals": pd.interval_range(0, 3),
        "categories": pd.CategoricalIndex(["a"]),
        "scalars": [pd.Timestamp("2020"), pd.Timedelta("1D"), pd.Period("2020-01"), pd.NaT, pd.NA],
    }


def scipy_values() -> dict[str, Any]:
    """What scipy.sparse makes; empty where it is missing."""
    try:
        sparse: Any = importlib.import_module("scipy.sparse")
    except ImportError:
        return {}
    kinds = "csr csc coo lil dok dia bsr".split()
    return {kind: getattr(sparse, f"{kind}_matrix")([[1.0, 0], [0, 2]]) for kind in kinds}


def benign(values: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each value in every protocol."""
    for name, value in values.items():
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield f"{name}, protocol {protocol}", pickle.dumps(value, protocol)


# Written by numpy 1.26, whose modules are `numpy.core`: an array, a scalar, and in one buffer.
NUMPY_1 = {
    "array, protocol 2": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02"
        b"c_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq"
        b"\x07\x87q\x08Rq\t(K\x01K\x03\x85q\ncnumpy\ndtype\nq\x0bX\x02\x00\x00\x00i2q\x0c\x89\x88"
        b"\x87q\rRq\x0e(K\x03X\x01\x00\x00\x00<q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq"
        b"\x10b\x89h\x03X\x06\x00\x00\x00\x00\x00\x01\x00\x02\x00q\x11h\x05\x86q\x12Rq\x13tq\x14b."
    ),
    "scalar, protocol 4": (
        b"\x80\x04\x95i\x00\x00\x00\x00\x00\x00\x00\x8c\x15numpy.core.multiarray\x94\x8c\x06scalar"
        b"\x94\x93\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f8\x94\x89\x88\x87\x94R\x94"
        b"(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bC\x08\x00\x00\x00\x00"
        b"\x00\x00\xf8?\x94\x86\x94R\x94."
    ),
    "array, protocol 5": (
        b"\x80\x05\x95y\x00\x00\x00\x00\x00\x00\x00\x8c\x12numpy.core.numeric\x94\x8c\x0b_frombuffer"
        b"\x94\x93\x94(\x96\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x02\x00\x94\x8c\x05numpy"
        b"\x94\x8c\x05dtype\x94\x93\x94\x8c\x02i2\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ"
        b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bK\x03\x85\x94\x8c\x01C\x94t\x94R\x94."
    ),
}


# --- attacks that make a file


def attacks(marker: str) -> dict[str, bytes]:
    """Pickles that make `marker` when loaded; it is a path without quotes or spaces."""
    shell = f"touch {marker}"
    make = f"open({marker!r}, 'w').close()"
    touch = b"(" + text("touch") + text(marker) + b"l"
    words, evil, path = text(shell), text(make), text(marker)
    os_module = call(named("importlib", "import_module"), text("os"))
    return {
        "os.system, protocol 0": b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR.",
        "posix.system, protocol 2": proto(2, call(named("posix", "system"), old_text(shell))),
        "STACK_GLOBAL": proto(4, call(stacked("os", "system"), words)),
        "GLOBAL in protocol 5": proto(5, call(named("os", "system"), words)),
        "no PROTO at all": call(stacked("os", "system"), words) + STOP,
        "subprocess": proto(4, call(stacked("subprocess", "check_output"), touch)),
        "subprocess.Popen": proto(4, call(stacked("subprocess", "call"), touch)),
        "eval": proto(4, call(stacked("builtins", "eval"), evil)),
        "exec": proto(3, call(named("builtins", "exec"), old_text(make))),
        "mapped __builtin__": proto(2, call(named("__builtin__", "eval"), old_text(make))),
        "mapped commands": proto(2, call(named("commands", "getoutput"), old_text(shell))),
        "mapped itertools.imap": proto(
            2,
            call(
                named("__builtin__", "list"),
                call(named("itertools", "imap"), named("os", "system"), b"(" + words + b"l"),
            ),
        ),
        "INST": b"(S'" + shell.encode() + b"'\nios\nsystem\n.",
        "OBJ": b"(" + named("os", "system") + b"S'" + shell.encode() + b"'\no.",
        "escaped S": b"cos\nsystem\n(S'\\x74ouch " + marker.encode() + b"'\ntR.",
        "escaped V name": proto(4, b"V\\u006fs\nVsy\\u0073tem\n\x93(" + words + b"tR"),
        "BINPUT and BINGET": proto(
            4, text("os") + b"q\x05" + text("system") + b"q\x0600h\x05h\x06\x93(" + words + b"tR"
        ),
        "MEMOIZE and BINGET": proto(
            4, text("system") + b"\x940" + text("os") + b"\x94h\x00\x93(" + words + b"tR"
        ),
        "memo overwritten": proto(
            4,
            text("uuid") + b"q\x00" + text("UUID") + b"q\x010"
            b"0" + text("os") + b"q\x00" + text("system") + b"q\x0100h\x00h\x01\x93("
            + words + b"tR",
        ),
        "memo confusion": proto(
            4,
            text("os") + b"q\x00" + text("system") + b"q\x01" + text("uuid") + b"\x94"
            + text("UUID") + b"\x94" + b"0000h\x00h\x01\x93(" + words + b"tR",
        ),
        "LONG_BINGET": proto(
            4, text("os") + b"r\1\0\0\0" + b"0j\1\0\0\0" + text("system") + b"\x93(" + words + b"tR"
        ),
        "GET as text": proto(4, text("os") + b"p007\n0g7\n" + text("system") + b"\x93(" + words + b"tR"),
        "DUP and POP": proto(4, text("os") + b"2N00" + text("os") + b"0" + text("system") + b"\x93("
                             + words + b"tR"),
        "computed by REDUCE": proto(
            4, call(stacked("builtins", "str"), text("os")) + text("system") + b"\x93(" + words + b"tR"
        ),
        "name by BINSTRING": proto(4, b"U\x02osU\x06system\x93(" + words + b"tR"),
        "dotted, through a data module": proto(4, call(stacked("uuid", "os.system"), words)),
        "dotted method": proto(
            4, call(stacked("pathlib", "Path.touch"), call(stacked("pathlib", "Path"), path))
        ),
        "dotted GLOBAL": proto(4, call(named("uuid", "sys.modules.get"), text("x")) + b"0"
                               + call(named("uuid", "os.system"), words)),
        "getattr chain": proto(
            4, call(call(stacked("builtins", "getattr"), os_module, text("system")), words)
        ),
        "methodcaller": proto(
            4, call(call(stacked("operator", "methodcaller"), text("system"), words), os_module)
        ),
        "attrgetter": proto(
            4, call(call(call(stacked("operator", "attrgetter"), text("system")), os_module), words)
        ),
        "partial": proto(
            4, call(call(stacked("functools", "partial"), stacked("os", "system"), words))
        ),
        "resolve_name": proto(
            4, call(call(stacked("pkgutil", "resolve_name"), text("os:system")), words)
        ),
        "map into a deque": proto(
            4,
            call(
                stacked("collections", "deque"),
                call(stacked("builtins", "map"), stacked("os", "system"), b"(" + words + b"l"),
            ),
        ),
        "defaultdict factory": proto(4, call(stacked("os", "mkdir"), path)),
        "FileIO": proto(4, call(stacked("_io", "FileIO"), path, text("w"))),
        "io.open": proto(4, call(stacked("io", "open"), path, text("w"))),
        "codecs.open": proto(4, call(stacked("codecs", "open"), path, text("w"))),
        "logging": proto(4, call(stacked("logging", "FileHandler"), path)),
        "zipfile": proto(4, call(stacked("zipfile", "ZipFile"), path, text("w"))),
        "sqlite3": proto(
            4, b"(" + stacked("sqlite3", "connect") + path + b"o"
        ),
        "gzip": proto(4, call(stacked("gzip", "GzipFile"), path, text("wb"))),
        "shutil": proto(4, call(stacked("shutil", "copyfile"), text("/etc/hostname"), path)),
        "distutils": proto(
            4, call(stacked("distutils.file_util", "write_file"), path, b"(" + text("x") + b"l")
        ),
        "timeit": proto(4, call(stacked("timeit", "timeit"), evil)),
        "cProfile": proto(4, call(stacked("cProfile", "run"), evil)),
        "profile": proto(4, call(stacked("profile", "run"), evil)),
        "pydoc": proto(4, call(stacked("pydoc", "pipepager"), text("x"), words)),
        "pty": proto(4, call(stacked("pty", "spawn"), touch)),
        "pickle in a pickle": proto(
            4,
            call(
                stacked("_pickle", "loads"),
                b"C" + bytes([len(inner := proto(4, call(stacked("os", "system"), words)))]) + inner,
            ),
        ),
        "numpy runstring": proto(
            4, call(stacked("numpy.testing._private.utils", "runstring"), evil, b"}")
        ),
        "numpy getlincoef": proto(
            4, call(stacked("numpy.f2py.crackfortran", "getlincoef"), evil, b"}")
        ),
        "NEWOBJ_EX of memmap": proto(
            4,
            stacked("numpy", "memmap") + b"(" + path + b"t}(" + text("mode") + text("w+")
            + text("shape") + b"K\x05u\x92",
        ),
        "import alone": proto(4, call(stacked("builtins", "__import__"), text("os")) + b"0"
                              + call(stacked("posix", "mkdir"), path)),
        "BUILD a class": proto(
            4,
            stacked("uuid", "UUID") + b"N}(" + text("__init__") + stacked("os", "mkdir")
            + b"u\x86b0" + call(stacked("os", "mkdir"), path),
        ),
        "after a POP": proto(4, call(stacked("os", "system"), words) + b"0N"),
        "behind a MARK": proto(4, b"(" + call(stacked("os", "system"), words) + b"1N"),
        "without STOP": b"\x80\x04" + call(stacked("os", "system"), words),
        "broken behind": b"\x80\x04" + call(stacked("os", "system"), words) + b"\xff\xff",
    }  # fmt: skip


# --- what must not be called safe

REFUSED_NAMES = """
    idlelib.pyshell.ModifiedInterpreter.runcode idlelib.debugobj.ObjectTreeItem.SetText
    idlelib.autocomplete.AutoComplete.fetch_completions idlelib.run.Executive.runcode
    idlelib.calltip.get_entity lib2to3.pgen2.grammar.Grammar.loadgrammar lib2to3.pgen2.pgen.ParserGenerator
    pydoc.pipepager pydoc.tempfilepager pydoc.locate doctest.debug_script doctest.testsource
    torch.load torch.utils.bottleneck.__main__.run_cprofile torch.jit.unsupported_tensor_ops.execWrapper
    torch.utils._config_module.load_config torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
    torch.utils.collect_env.run torch.storage._load_from_bytes torch.serialization.load
    torch._dynamo.guards.GuardBuilder.get torch.distributed.rpc.RemoteModule
    numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran._eval_length numpy.load numpy.loads
    numpy.testing._private.utils.runstring numpy.testing._private.utils.exec_ numpy.vectorize
    numpy.fromfile numpy.lib.npyio.load numpy.core._internal.sys numpy.__builtins__ numpy.sys
    pandas.read_pickle pandas.eval pandas.io.common.get_handle pandas.core.computation.eval.eval
    joblib.load joblib.parallel.Parallel joblib.memory.MemorizedFunc timeit.timeit timeit.main
    cProfile.run cProfile.runctx profile.Profile.runctx trace.Trace.run trace.Trace.runctx pdb.run
    bdb.Bdb.run asyncio.unix_events._UnixSubprocessTransport._start asyncio.run ensurepip._run_pip
    pip._internal.main pip.main venv.create operator.methodcaller operator.attrgetter _operator.attrgetter
    operator.itemgetter functools.partial functools.reduce code.InteractiveInterpreter.runcode
    codeop.compile_command ctypes.CDLL ctypes.cdll marshal.loads pickle.loads _pickle.loads
    pickle.Unpickler dill.loads cloudpickle.loads cloudpickle.cloudpickle._make_function
    builtins.eval builtins.exec builtins.compile builtins.open builtins.__import__ builtins.getattr
    builtins.setattr builtins.delattr builtins.globals builtins.vars builtins.type builtins.print
    builtins.input builtins.breakpoint builtins.help builtins.map builtins.filter builtins.apply
    builtins.memoryview builtins.classmethod builtins.super builtins.reduce __builtin__.execfile
    os.system os.popen os.execv posix.system nt.system os.path.join subprocess.Popen sys.exit
    sys.modules importlib.import_module importlib.util.module_from_spec runpy.run_path runpy._run_code
    shutil.rmtree socket.socket socket.create_connection webbrowser.open multiprocessing.Process
    multiprocessing.util.spawnv_passfds threading.Thread types.FunctionType types.CodeType inspect.getsource
    pkgutil.resolve_name mailcap.findmatch uuid._popen uuid.os pathlib.os collections._sys
    collections.namedtuple collections.abc collections.UserDict copyreg.__newobj__ copyreg.add_extension
    copyreg._reduce_ex copy.copy _codecs.decode _codecs.lookup _codecs.register codecs.encode
    urllib.request.urlopen http.client.HTTPConnection ssl.SSLContext requests.get aiohttp.ClientSession
    sqlite3.connect tempfile.mktemp glob.glob linecache.getline logging.config.listen signal.signal
    test.support.script_helper.assert_python_ok distutils.spawn.spawn setuptools.setup
    numpy.object_ numpy.ndarray.tofile numpy.core.multiarray.fromfile datetime.sys decimal.Context
    scipy.io.loadmat sklearn.externals.joblib.load transformers.pipeline unknown.thing
""".split()


def forgeries() -> dict[str, bytes]:
    """Pickles that are never safe; every trick with the format that needs no dangerous name too."""
    one = proto(4, b"N")
    oddities = {
        "EXT1": proto(2, b"\x82\x01"),
        "EXT2": proto(2, b"\x83\x01\x01"),
        "EXT4": proto(2, b"\x84\x01\x01\x01\x01"),
        "PERSID": b"Pabc\n.",
        "BINPERSID": proto(2, b"K\x01Q"),
        "NEXT_BUFFER": proto(5, b"\x97"),
        "READONLY_BUFFER": proto(5, b"\x96" + bytes(8) + b"\x98"),
        "second pickle": one + one,
        "second pickle, attack": one + proto(4, call(stacked("os", "system"), text("true"))),
        "second pickle without PROTO": one + b"N.",
        "trailing bytes": one + b"\0",
        "trailing STOP": one + STOP,
        "PROTO inside": proto(4, b"N0\x80\x02N"),
        "PROTO twice": b"\x80\x04\x80\x02" + named("__builtin__", "set") + STOP,
        "PROTO inside to map": proto(4, b"\x80\x02" + named("commands", "getoutput")),
        "PROTO 6 inside": proto(4, b"\x80\x06N"),
        "unknown opcode": proto(4, b"N0\xff"),
        "empty stack": proto(4, b""),
        "left on the stack": proto(4, b"NN"),
        "left mark": proto(4, b"N(N"),
        "mark underflow": proto(4, b"N(0(R"),
        "tuple of nothing": proto(4, b"\x86"),
        "no mark": proto(4, b"Nt"),
        "reduce of data": proto(4, b"N)R"),
        "reduce of a text": proto(4, text("os") + b")R"),
        "reduce of a result": proto(4, call(call(stacked("uuid", "UUID")))),
        "newobj of a result": proto(4, call(stacked("uuid", "UUID")) + b")\x81"),
        "obj of data": proto(4, b"(NNo"),
        "obj of nothing": proto(4, b"(o"),
        "inst of refused": proto(4, b"(icode\nInteractiveConsole\n"),
        "STACK_GLOBAL of integers": proto(4, b"K\x01K\x02\x93"),
        "STACK_GLOBAL of bytes": proto(4, b"C\x04uuidC\x04UUID\x93"),
        "STACK_GLOBAL of strings": proto(4, b"U\x04uuidU\x04UUID\x93"),
        "STACK_GLOBAL of one text": proto(4, text("uuid") + b"\x93"),
        "STACK_GLOBAL across a mark": proto(4, text("uuid") + b"(" + text("UUID") + b"\x93"),
        "STACK_GLOBAL from a missing memo": proto(4, text("uuid") + b"h\x07\x93"),
        "STACK_GLOBAL from a tuple": proto(4, text("uuid") + text("UUID") + b"\x85\x93"),
        "STACK_GLOBAL of a long name": proto(4, text("uuid") + text("U" * 300) + b"\x93"),
        "two kinds of memo": proto(4, b"Nq\x00\x94"),
        "two kinds of memo, other order": proto(4, b"N\x94q\x00"),
        "homoglyph module": proto(4, stacked("numру", "ndarray")),  # noqa: RUF001
        "homoglyph name": proto(4, stacked("uuid", "UUІD")),  # noqa: RUF001
        "full width name": proto(4, stacked("uuid", "ＵＵＩＤ")),  # noqa: RUF001
        "module in capitals": proto(4, stacked("UUID", "UUID")),
        "module with a return": b"\x80\x04cuuid\r\nUUID\n.",
        "module with a space": b"\x80\x04c uuid\nUUID\n.",
        "module with a NUL": proto(4, stacked("uuid\0", "UUID")),
        "surrogate name": proto(4, stacked("uuid", "\ud800")),
        "empty module": proto(4, stacked("", "UUID")),
        "empty name": b"\x80\x04cuuid\n\n.",
        "relative module": proto(4, stacked(".uuid", "UUID")),
        "GLOBAL not UTF-8": b"\x80\x04cuuid\xff\nUUID\n.",
        "INST not ASCII": "(iuuid\nUUIÐ\n.".encode(),
        "GLOBAL without newline": b"\x80\x04cuuid\nUUID",
        "GLOBAL over a line": b"\x80\x04cuuid\nUUID\nsystem\n.",
        "line of 200 KB": b"\x80\x04c" + b"a" * 200_000 + b"\nb\n.",
        "BUILD of a class": proto(4, stacked("uuid", "UUID") + b"N}(" + text("x") + b"Nu\x86b"),
        "BUILD of a memoised class": proto(4, stacked("uuid", "UUID") + b"\x94N\x850h\x00}b\x86"),
        "BUILD of a function": proto(4, stacked("copyreg", "_reconstructor") + b"}b"),
        "items of a class": proto(4, stacked("uuid", "UUID") + b"(NNu"),
        "item of a class": proto(4, stacked("uuid", "UUID") + b"NNs"),
        "append to a class": proto(4, stacked("collections", "deque") + b"Na"),
        "appends to a class": proto(4, stacked("collections", "deque") + b"(Ne"),
        "add to a class": proto(4, stacked("builtins", "set") + b"(N\x90"),
        "encode with another codec": proto(
            2, call(named("_codecs", "encode"), old_text("a"), old_text("zip"))
        ),
        "encode with a computed codec": proto(
            2, call(named("_codecs", "encode"), old_text("a"), b"N")
        ),
        "encode by INST": b"(S'a'\nS'zip'\ni_codecs\nencode\n.",
        "encode by OBJ": b"(c_codecs\nencode\nS'a'\nS'zip'\no.",
        "encode with hidden arguments": proto(
            2,
            named("_codecs", "encode") + b"(" + old_text("a") + old_text("zip") + b"tq\x000h\x00R",
        ),
        "_reconstructor of data": proto(
            2, call(named("copy_reg", "_reconstructor"), b"N", named("__builtin__", "object"), b"N")
        ),
        "_reconstructor with another base": proto(
            2,
            call(
                named("copy_reg", "_reconstructor"),
                named("uuid", "UUID"),
                named("uuid", "UUID"),
                b"N",
            ),
        ),
        "scalar that returns a class": proto(
            4,
            call(
                stacked("numpy.core.multiarray", "scalar"),
                call(stacked("numpy", "dtype"), text("O")),
                stacked("uuid", "UUID"),
            )
            + b"N}("
            + text("x")
            + b"Nu\x86b",
        ),
        "integer with underscores": b"I1_0\n.",
        "integer with spaces": b"I 1\n.",
        "octal integer": b"I017\n.",
        "hexadecimal integer": b"I0x11\n.",
        "empty integer": b"I\n.",
        "long of words": b"Labc\n.",
        "float of words": b"Fabc\n.",
        "unquoted string": b"Sabc\n.",
        "half a string": b"S'abc\n.",
        "negative LONG4": proto(2, b"\x8b\xff\xff\xff\xff"),
        "negative BINSTRING": proto(2, b"T\xff\xff\xff\xff"),
        "negative key": b"Np-1\n.",
        "key with a sign": b"Np+1\n.",
        "text not UTF-8": proto(4, b"\x8c\x01\xff"),
        "bytes of 2**60": proto(4, b"\x8e" + struct.pack("<Q", 2**60)),
        "bytes of 2**64-1": proto(4, b"\x8e" + b"\xff" * 8),
        "text of 2**60": proto(4, b"\x8d" + struct.pack("<Q", 2**60)),
        "bytearray of 2**63": proto(5, b"\x96" + struct.pack("<Q", 2**63)),
        "bytes of 4 GiB": proto(4, b"B\xff\xff\xff\xff"),
        "frame of 2**60": proto(4, b"\x95" + struct.pack("<Q", 2**60) + b"N"),
        "frame over the end": proto(4, b"\x95" + struct.pack("<Q", 3) + b"N"),
        "mapped UserDict": proto(2, named("UserDict", "UserDict")),
        "mapped cPickle": proto(2, named("cPickle", "loads")),
        "old name in protocol 4": proto(4, stacked("__builtin__", "set")),
        "NEWOBJ": proto(4, stacked("subprocess", "Popen") + b")\x81"),
        "NEWOBJ_EX": proto(4, stacked("subprocess", "Popen") + b")}\x92"),
        "refused but popped": proto(4, stacked("os", "system") + b"0N"),
        "refused as data": proto(4, b"]" + stacked("os", "system") + b"a"),
    }
    for full in REFUSED_NAMES:
        module, _, name = full.rpartition(".")
        oddities[f"{full}, GLOBAL"] = b"\x80\x03" + named(module, name) + STOP
        top, _, rest = full.partition(".")
        oddities[f"{full}, dotted"] = proto(4, stacked(top, rest))
    return oddities
