#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of the house that a machine can hold. Usage: lint.py CHECK [BUILD FOLDER]

Prints one line per offence and exits 1 when there is any; 77 when the check cannot run here."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = {"CMakeLists.txt", "README.md", "LICENSE", "capture", "probes", "kern", "encoders", "proto", "sinks", "tests",
       "samples"}
USER = "GPL-2.0-or-later"
KERN = "GPL-2.0-only OR LGPL-2.1-or-later"
# base <- core <- {source, archive, probes, encoders, sinks} <- run <- collect <- cli; base <- net <- {sinks, collect}. CORE is capture/ without its other folders.
# Who may include what: the first row whose folder fits the including file. Includes of the build folder
# (skeletons, protobuf) stand under the folder that their sources are in.
CORE = ("capture/base/", r"capture/[^/]*$")
INCLUDES = [
    ("capture/base/", ("capture/base/",)),
    ("capture/source/", (*CORE, "capture/source/", "kern/events.h")),
    ("capture/archive/", (*CORE, "capture/archive/", "proto/", "kern/events.h")),
    ("capture/net/", ("capture/base/", "capture/net/", "proto/pb_w")),
    ("capture/collect/", (*CORE, "capture/archive/", "capture/net/", "capture/run/", "capture/collect/", "proto/")),
    ("capture/run/", (*CORE, "capture/source/", "capture/archive/", "capture/run/", "probes/", "kern/events.h")),
    ("capture/cli/", (*CORE, "capture/source/", "capture/archive/", "capture/run/", "capture/collect/", "capture/cli/",
                      "probes/", "kern/events.h")),
    ("capture/", (*CORE, "kern/events.h", "kern/counters.def")),
    ("probes/", (*CORE, "capture/source/", "probes/", "kern/")),
    ("encoders/", (*CORE, "encoders/", "proto/")),
    ("proto/", (*CORE, "proto/")),
    ("sinks/", ("capture/base/", "capture/sink.h", "capture/filter.h", "capture/index.h", "capture/spool.h",
                "capture/net/", "proto/pb_w", "sinks/")),
    ("kern/", ("kern/",)),
    ("tests/", ("capture/", "probes/", "encoders/", "proto/", "sinks/", "kern/", "tests/")),
]
# What the core may ask of the system: memory and threads. Delivery alone has a clock, a descriptor and sleeps.
CORE_FOREIGN = re.compile(r"^(bpf_|libbpf_|elf_|open|openat|read|pread|readlink|fopen|opendir|stat|fstat|ioctl|socket|connect|"
                          r"clock_gettime|time|gettimeofday|getrandom|rand|random|getpid|getenv|poll|ppoll|epoll_\w+|nanosleep|"
                          r"usleep|write|close|eventfd)$")
CORE_DELIVERY = {"delivery": {"poll", "read", "write", "close", "eventfd", "clock_gettime"}, "medium": {"clock_gettime"},
                 "medium_patience": {"clock_gettime"}, "tally": {"clock_gettime"}}
# What these can reach through any chain of headers.
NEVER_REACH = {"encoders/": ("kern/",), "proto/": ("kern/",), "sinks/": ("kern/",)}
BANNED = re.compile(r"\b(strcpy|stpcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atoll|atof|strtok|system|popen|"
                    r"alloca|tmpnam|mktemp)\s*\(")
# A function that is static: its type and name stand on one line, without indent.
STATIC = re.compile(r"^static\s[^=;()]*?\b(\w+)\((?!\()", re.M)
# Who prints: the command line, and the forked child, which has nobody to tell.
PRINTS = re.compile(r"(?<!format\()\b(v?printf|v?dprintf|puts|putchar|perror|psignal|stdout|stderr)\b(?!_)")
PRINTERS = ("capture/cli/", "capture/run/child.c", "tests/")
LICENSED = (".c", ".h", ".def", ".sh", ".py", ".cmake", ".proto", ".lua", "CMakeLists.txt", ".clang-tidy")


def tracked():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True)
    if names.returncode == 0:
        return [pathlib.Path(n) for n in names.stdout.splitlines() if os.path.isfile(n)]
    return [p for p in pathlib.Path(".").rglob("*") if p.is_file() and not p.parts[0].startswith(("build", ".git"))]


FILES = tracked()
SOURCES = [p for p in FILES if p.suffix in (".c", ".h", ".def")]


def check_tree():
    for name in sorted({p.parts[0] for p in FILES}):
        if name not in TOP and not name.startswith("."):
            yield f"{name}: not one of the fixed names at the top"


def check_spdx():
    for path in FILES:
        if not path.name.endswith(LICENSED):
            continue
        head = "\n".join(path.read_text(errors="replace").splitlines()[:2])
        want = {"kern": (KERN,), "tests": (USER, KERN)}.get(path.parts[0], (USER,))
        found = re.search(r"SPDX-License-Identifier: (.*?)\s*(\*/)?$", head, re.M)
        if not found or found.group(1) not in want:
            yield f"{path}: does not start with SPDX-License-Identifier: {' or '.join(want)}"


def strip(text):
    """Blanks comments, strings and character constants, keeping line numbers."""
    keep = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return keep.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_sizes():
    for path in SOURCES:
        lines = path.read_text(errors="replace").splitlines()
        if len(lines) > 500:
            yield f"{path}: {len(lines)} lines, more than 500"
        limit, start = 80 if path.name.endswith((".bpf.c", ".bpf.h")) else 60, None
        for number, line in enumerate(lines, 1):
            columns = len(line.expandtabs(8))
            if columns > 100:
                yield f"{path}:{number}: {columns} columns, more than 100"
            if line == "{":
                start = number
            elif line.startswith("}") and start:
                if number - start + 1 > limit:
                    yield f"{path}:{start}: a function of {number - start + 1} lines, more than {limit}"
                start = None


def check_banned():
    for path in SOURCES:
        for number, line in enumerate(strip(path.read_text(errors="replace")).splitlines(), 1):
            for found in BANNED.finditer(line):
                if found.group(1) == "system" and path.parts[0] == "tests":
                    continue
                yield f"{path}:{number}: {found.group(1)}() is not used here"
            found = PRINTS.search(line)
            if found and path.suffix == ".c" and not str(path).startswith(PRINTERS):
                yield f"{path}:{number}: {found.group(1)}: only capture/cli/ prints"


def includes_of(path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if found:
            yield number, found.group(1)


def reach(path, seen):
    for _, name in includes_of(path):
        if name not in seen:
            seen[name] = path
            if os.path.isfile(name):
                reach(pathlib.Path(name), seen)
    return seen


def check_includes():
    for path in SOURCES:
        rows = [allowed for folder, allowed in INCLUDES if str(path).startswith(folder)]
        if not rows:
            yield f"{path}: no row in the table of includes"
            continue
        for number, name in includes_of(path):
            if not any(re.match(allowed, name) for allowed in rows[0]):
                yield f"{path}:{number}: may not include {name}"
        for folder, bad in NEVER_REACH.items():
            if not str(path).startswith(folder):
                continue
            for name, by in reach(path, {}).items():
                if name.startswith(bad):
                    yield f"{path}: reaches {name} through {by}"


def prefixes(path, stems):
    """pcapng/block.c defines pcapng_…, pcapng_block_… or block_…; a file that was split off another keeps its prefix:
    record_probes.c may define record_…"""
    words = path.stem.split(".")[0].split("_")
    heads = [head for n in range(1, len(words)) if (head := "_".join(words[:n])) in stems]
    folder = [path.parent.name] if len(path.parts) > 2 else []
    return [path.stem.split(".")[0], f"{path.parent.name}_{path.stem.split('.')[0]}", *heads, *folder]


def check_symbols(build):
    """Whoever reads a call knows the file: the name starts with its stem, or with the stem of the header that declares it."""
    headers = [(prefixes(p, ()), strip(p.read_text(errors="replace"))) for p in SOURCES if p.suffix == ".h"]
    stems = {p.stem for p in SOURCES}
    sources = {}
    for path in SOURCES:
        if path.suffix == ".c" and path.parts[0] != "tests":
            sources.setdefault(path.stem, []).append(path)
    for library in sorted(pathlib.Path(build).glob("libpenstock_*.a")):
        listing = subprocess.run(["nm", "-g", "--defined-only", library], capture_output=True, text=True, check=True)
        stem, generated = "", False
        for line in listing.stdout.splitlines():
            if line.endswith(".o:"):
                stem, generated = line.split(".")[0], ".pb-c." in line
            elif " " in line and not generated:
                name = line.split()[-1]
                if re.match(r"(__|probe_|encoder_|sink_|filter_)", name):
                    continue
                known = [s for p in sources.get(stem, ()) for s in prefixes(p, stems)]
                known += [s for own, text in headers if re.search(rf"\b{name}\b", text) for s in own]
                if not name.startswith(tuple(known)):
                    yield f"{library.name}: {name} in {stem}.c starts neither with its file nor with its header"


def check_core(build):
    """The engine is pure: the same records give the same bytes."""
    listing = subprocess.run(["nm", "-u", f"{build}/libpenstock_core.a"], capture_output=True, text=True, check=True)
    member = ""
    for line in listing.stdout.splitlines():
        if line.endswith(".o:"):
            member = line.split(".")[0]
        elif " U " in line:
            name = line.split()[-1].split("@")[0]
            if CORE_FOREIGN.match(name) and name not in CORE_DELIVERY.get(member, ()):
                yield f"capture/{member}.c: calls {name}(), which the core does not do"


def check_names():
    """A backtrace shows nothing but names: a static function says in two words what it does with what."""
    for path in SOURCES:
        if path.parts[0] not in ("capture", "encoders", "sinks", "proto", "probes"):
            continue
        text = strip(path.read_text(errors="replace"))
        for found in STATIC.finditer(text):
            if "_" not in found.group(1):
                number = text.count("\n", 0, found.start()) + 1
                yield f"{path}:{number}: {found.group(1)}() is one bare word: say on what it acts (thing_verb)"


def run_all(commands):
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count() or 2))) as pool:
        for done in pool.map(lambda c: subprocess.run(c, capture_output=True, text=True), commands):
            if done.returncode:
                yield (done.stdout + done.stderr).strip()


def need(program):
    if not shutil.which(program):
        print(f"SKIP: no {program} on this machine")
        sys.exit(77)


def need_version(program, version):
    """What these say differs from version to version: the rules are those of Debian 12's."""
    need(program)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)", said).group(1)
    if found != version:
        print(f"SKIP: {program} is version {found}, and the sources are held to version {version}")
        sys.exit(77)


def check_format():
    need_version("clang-format", "14")
    files = [str(p) for p in SOURCES if p.suffix != ".def"]
    yield from run_all(["clang-format", "--dry-run", "-Werror", *files[i::4]] for i in range(4))


def check_tidy(build):
    need_version("clang-tidy", "14")
    files = [str(p) for p in SOURCES if p.suffix == ".c" and p.parts[0] not in ("kern", "tests")]
    commands = (pathlib.Path(build) / "compile_commands.json").read_text()
    with tempfile.TemporaryDirectory() as folder:  # without what only gcc knows
        known = re.sub(r"-mmem(set|cpy)-strategy=[^ ]* ", "", commands)
        (pathlib.Path(folder) / "compile_commands.json").write_text(known)
        yield from run_all(["clang-tidy", "--quiet", "-p", folder, "--extra-arg=-w", name] for name in files)


def check_shell():
    need("shellcheck")
    scripts = [str(p) for p in FILES if p.suffix == ".sh" or p.name == "run"]
    yield from run_all([["shellcheck", "-x", "-S", "warning", *scripts]])


def main():
    check = globals()["check_" + sys.argv[1]]
    offences = list(check(*sys.argv[2:]))
    print("\n".join(offences))
    return 1 if offences else 0


sys.exit(main())
