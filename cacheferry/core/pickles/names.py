"""Which importable names a pickle may use: data types only, and never what can run code.

A name here is a promise about its behaviour with hostile arguments: calling it, or `__new__` of
it, then setting its state, may waste memory or raise, and does nothing else. Nothing in the table
returns a class, a function or a module that was handed to it (that is why `numpy.object_`,
`builtins.type` and `copy.copy` are absent), except where `CALLS` restricts the arguments.

Sources of the refused names: the advisories of picklescan and fickling, and the standard library
as a whole, out of which only the modules in `_DATA_MODULES` can be named by a project.
"""

import sys
from collections.abc import Mapping, Sequence


def _table(text: str) -> Mapping[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for line in text.strip().splitlines():
        modules, _, names = line.partition(":")
        for module in modules.split():
            table[module] = table.get(module, frozenset()) | frozenset(names.split())
    return table


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# `int`, `list` and their like stand here as factories of a defaultdict and as bases of protocol 0.
ALLOWED = _table("""
builtins: set frozenset bytearray bytes complex range slice object Ellipsis NotImplemented
builtins: int float bool str list tuple dict
_codecs: encode
copyreg: _reconstructor
array: array _array_reconstructor
collections: OrderedDict defaultdict deque Counter
datetime: date time datetime timedelta timezone
decimal: Decimal
fractions: Fraction
ipaddress: IPv4Address IPv6Address IPv4Network IPv6Network IPv4Interface IPv6Interface
pathlib pathlib._local: PurePath PurePosixPath PureWindowsPath Path PosixPath WindowsPath
types: SimpleNamespace
uuid: UUID SafeUUID
zoneinfo: ZoneInfo
pytz: _UTC _p
dateutil.tz.tz: tzutc tzoffset
numpy: ndarray dtype recarray record matrix str_ bytes_ void datetime64 timedelta64 bool bool_
numpy: int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc uintc longlong ulonglong
numpy: float16 float32 float64 longdouble float128 complex64 complex128 clongdouble complex256
numpy.core.multiarray numpy._core.multiarray: _reconstruct scalar
numpy.core.numeric numpy._core.numeric: _frombuffer
numpy._core._internal: _convert_to_stringdtype_kwargs
numpy.rec numpy.core.records numpy._core.records: recarray record
numpy.matrixlib.defmatrix: matrix
numpy.ma numpy.ma.core: MaskedArray MaskedConstant mvoid
numpy.ma.core: _mareconstruct
numpy.random._pickle: __generator_ctor __bit_generator_ctor __randomstate_ctor
numpy.random.bit_generator: SeedSequence __pyx_unpickle_SeedSequence
numpy.random._mt19937: MT19937
numpy.random._pcg64: PCG64 PCG64DXSM
numpy.random._philox: Philox
numpy.random._sfc64: SFC64
pandas pandas.core.frame: DataFrame
pandas pandas.core.series: Series
pandas pandas.core.indexes.base: Index
pandas pandas.core.indexes.range: RangeIndex
pandas pandas.core.indexes.multi: MultiIndex
pandas pandas.core.indexes.category: CategoricalIndex
pandas pandas.core.indexes.datetimes: DatetimeIndex
pandas pandas.core.indexes.timedeltas: TimedeltaIndex
pandas pandas.core.indexes.period: PeriodIndex
pandas pandas.core.indexes.interval: IntervalIndex
pandas pandas._libs.missing: NA
pandas pandas._libs.interval: Interval
pandas pandas._libs.tslibs.period: Period
pandas pandas.core.arrays.categorical: Categorical
pandas pandas.core.dtypes.dtypes: CategoricalDtype DatetimeTZDtype PeriodDtype IntervalDtype
pandas pandas.core.dtypes.dtypes: SparseDtype
pandas pandas.core.arrays.string_: StringDtype
pandas pandas.core.arrays.boolean: BooleanDtype
pandas pandas.core.arrays.floating: Float32Dtype Float64Dtype
pandas pandas.core.arrays.integer: Int8Dtype Int16Dtype Int32Dtype Int64Dtype
pandas pandas.core.arrays.integer: UInt8Dtype UInt16Dtype UInt32Dtype UInt64Dtype
pandas.arrays pandas.core.arrays.boolean: BooleanArray
pandas.arrays pandas.core.arrays.integer: IntegerArray
pandas.arrays pandas.core.arrays.floating: FloatingArray
pandas.arrays pandas.core.arrays.string_: StringArray
pandas.arrays pandas.core.arrays.datetimes: DatetimeArray
pandas.arrays pandas.core.arrays.timedeltas: TimedeltaArray
pandas.arrays pandas.core.arrays.period: PeriodArray
pandas.arrays pandas.core.arrays.interval: IntervalArray
pandas.arrays pandas.core.arrays.sparse.array: SparseArray
pandas.arrays pandas.core.arrays.numpy_: NumpyExtensionArray
pandas.core.indexes.base: _new_Index
pandas.core.indexes.datetimes: _new_DatetimeIndex
pandas.core.indexes.timedeltas: _new_TimedeltaIndex
pandas.core.indexes.interval: _new_IntervalIndex
pandas.core.indexes.frozen: FrozenList
pandas.core.internals.managers: BlockManager SingleBlockManager
pandas._libs.internals: _unpickle_block BlockPlacement
pandas._libs.arrays: __pyx_unpickle_NDArrayBacked
pandas._libs.sparse: IntIndex BlockIndex
pandas._libs.tslibs.nattype: _nat_unpickle __nat_unpickle
pandas._libs.tslibs.timestamps: _unpickle_timestamp
pandas._libs.tslibs.timedeltas: _timedelta_unpickle
pandas._libs.tslibs.offsets: Day Hour Minute Second Milli Micro Nano BusinessDay BusinessHour Week
pandas._libs.tslibs.offsets: MonthBegin MonthEnd BusinessMonthBegin BusinessMonthEnd WeekOfMonth
pandas._libs.tslibs.offsets: SemiMonthBegin SemiMonthEnd LastWeekOfMonth DateOffset
pandas._libs.tslibs.offsets: QuarterBegin QuarterEnd BQuarterBegin BQuarterEnd
pandas._libs.tslibs.offsets: YearBegin YearEnd BYearBegin BYearEnd
scipy.sparse._csr scipy.sparse.csr: csr_matrix csr_array
scipy.sparse._csc scipy.sparse.csc: csc_matrix csc_array
scipy.sparse._coo scipy.sparse.coo: coo_matrix coo_array
scipy.sparse._lil scipy.sparse.lil: lil_matrix lil_array
scipy.sparse._dok scipy.sparse.dok: dok_matrix dok_array
scipy.sparse._dia scipy.sparse.dia: dia_matrix dia_array
scipy.sparse._bsr scipy.sparse.bsr: bsr_matrix bsr_array
""")

# Modules and names that run code, load code or further pickles, write files, or reach the network.
DENIED = _words(
    """
    __builtin__ __builtins__ __main__ _aix_support _bootsubprocess _ctypes _io _operator
    _osx_support    _pickle _posixsubprocess _pyrepl _socket _thread _winapi aiohttp antigravity
    apport ast asyncio
    atexit bdb builtins cPickle celery cffi cloudpickle code codecs codeop commands
    concurrent copyreg cProfile ctypes dask dbm dill distributed distutils doctest ensurepip execnet
    fabric faulthandler fickling ftplib functools gc gevent glob http httplib httplib2 httpx hydra
    idlelib imaplib imp importlib inspect invoke io itertools jax joblib jsonpickle jupyter keras
    lib2to3 linecache logging mailcap mlflow mmap msvcrt multiprocessing nntplib nt ntpath numba
    numexpr omegaconf operator os pandas.compat pandas.core.computation pandas.eval pandas.io
    pandas.read_pickle pandas.testing pandas.util paramiko pdb pebble pexpect pickle pickletools
    pip pipes pkg_resources pkgutil platform plumbum poplib popen2 posix posixpath profile psutil
    pty ptyprocess pwn py pydoc pytest pyximport ray requests resource rlcompleter runpy sched sh
    setuptools shelve shutil signal site six smtplib smtpd socket socketserver sqlite3 ssl
    subprocess sympy sys sysconfig tarfile telnetlib tempfile tensorflow test threading timeit
    tkinter torch trace traceback tracemalloc transformers turtle turtledemo twisted types typing
    unittest urllib urllib2 urllib3 uvicorn venv virtualenv weakref webbrowser win32api win32com
    winreg wsgiref xmlrpc yaml zipapp zipfile zipimport IPython _pytest
    numpy.apply_along_axis numpy.bmat numpy.core.multiarray.fromfile numpy._core.multiarray.fromfile
    numpy.ctypeslib numpy.distutils numpy.f2py numpy.fromfile numpy.fromregex numpy.frompyfunc
    numpy.genfromtxt numpy.lib numpy.load numpy.loads numpy.loadtxt numpy.memmap numpy.compat
    numpy.core._internal numpy._core._internal numpy.core.records.fromfile numpy.piecewise
    numpy.save numpy.savetxt
    numpy.savez numpy.savez_compressed numpy.testing numpy.vectorize numpy.ma.load numpy.ma.loads
    pandas.DataFrame.eval pandas.HDFStore pandas.core.generic pandas.core.common pandas.plotting
    pandas.read_csv pandas.read_excel pandas.read_hdf pandas.read_html pandas.read_json
    pandas.read_parquet pandas.read_sql pandas.read_table pandas.read_xml pandas.to_pickle
    scipy._lib scipy.io scipy.misc scipy.weave
    """
)

# English words among the refused modules: they may be a module of a project (`app.types`), though
# never the module itself (`types`) nor the last name (`app.types` taken from the module `app`).
_WORDS = _words("code commands platform profile py ray resource sched test trace types")

# Functions as they lie in any module that imported them: `from os import system` in a project.
_RUNNERS = _words(
    """
    system popen execv execve execl execle execlp execlpe execvp execvpe spawnv spawnve spawnl
    spawnle spawnlp spawnlpe spawnvp spawnvpe posix_spawn posix_spawnp startfile Popen check_call
    check_output getoutput getstatusoutput eval exec execfile compile open input apply getattr
    setattr delattr globals locals vars breakpoint memoryview type map filter reduce partial
    partialmethod attrgetter itemgetter methodcaller import_module reload resolve_name run_path
    run_module runcode runsource run_code rmtree copyfile copytree unlink rmdir fork forkpty
    FunctionType CodeType MethodType ModuleType CDLL PyDLL WinDLL Unpickler read_pickle
    namedtuple make_dataclass get_type_hints ForwardRef _load_from_bytes
    """
)

# Modules of the standard library out of which a project may allow a single name.
_DATA_MODULES = _words(
    "array collections datetime decimal enum fractions ipaddress numbers pathlib random uuid "
    "zoneinfo"
)


def is_allowed(module: str, name: str, allow: Sequence[str]) -> bool:
    """True where the name is data by the table, or by the project's own valid `allow` entries."""
    if name in ALLOWED.get(module, ()):
        return True
    if not all(map(_is_plain, (*module.split("."), name))) or _reason(module, name):
        return False
    return any(_matches(entry, module, name) for entry in allow)


def valid_allow(entry: str) -> str | None:
    """None where a project may allow this, else why not; `MODULE.NAME` or `PACKAGE.*`."""
    module, _, name = entry.rpartition(".")
    if not module or not all(map(_is_plain, module.split("."))):
        return "is neither MODULE.NAME nor PACKAGE.*"
    if name != "*":
        return _reason(module, name) if _is_plain(name) else "is neither MODULE.NAME nor PACKAGE.*"
    if module.partition(".")[0] in sys.stdlib_module_names:
        return "takes in a whole module of the standard library"
    inside = sorted(path for path in DENIED if path.startswith(module + "."))
    return f"takes in {inside[0]}, which is never data" if inside else _reason(module, "")


def _matches(entry: str, module: str, name: str) -> bool:
    if entry.endswith(".*"):
        return f"{module}.".startswith(entry[:-1])
    return entry == f"{module}.{name}"


def _is_plain(part: str) -> bool:
    # ASCII only: an identifier of other letters can look like a known one and be another.
    return part.isascii() and part.isidentifier()


def _reason(module: str, name: str) -> str | None:
    """Why this stays refused whatever a project allows, or None; an empty name is any name."""
    parts = [*module.split("."), *filter(None, [name])]
    if parts[0] in sys.stdlib_module_names and parts[0] not in _DATA_MODULES:
        return f"names {parts[0]} of the standard library, which is never data"
    for end in range(1, len(parts) + 1):
        if (path := ".".join(parts[:end])) in DENIED:
            return f"names {path}, which can run code"
    for part in module.split(".")[1:]:
        # `vendored.six.moves.builtins` is the real one under another path.
        if part in DENIED and part not in _WORDS:
            return f"names {part}, which can run code, below {parts[0]}"
    if name in DENIED or name in _RUNNERS or (name.startswith("__") and name.endswith("__")):
        return f"names {name}, which is never data" if name else None
    return None
