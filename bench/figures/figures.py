# SPDX-License-Identifier: MIT
"""The figures: what each one takes of a bench's points.

A figure is a dictionary that is written as JSON as it is; drawing and reports
are made from that alone:

    name, title, caption     what it shows
    bench                    whose points these are: build/bench/BENCH.json
    commands                 that measured them
    measured                 what they were measured with, by name
    kind                     "lines", "stacked" or "bars": see draw.py
    xlabel, ylabel, log
    labels                   of "stacked" and "bars": their order
    series                   [{label, points: [{x, y, configuration}]}]
    absent                   [{what, reason}]
    table                    {columns, rows}: numbers, texts and None

A point that was not measured is in `absent`, never a zero.
"""

FIGURES = {}

# The commands that measure the points of a bench, where it is not `bench/run BENCH`
# alone; what is in build/bench/BENCH-*.json is taken together.
COMMANDS = {
    "number": [f"bench/run -o number-{kind}-{vifs} number {kind} {vifs}"
               for kind in ("noxs", "xl", "xenstore") for vifs in (0, 1)],
    "density": ['bench/run density 12000 xl pvh-1'],
    "profile": ["bench/profile/run shell cold xenstore"],
}


def commands(bench):
    return COMMANDS.get(bench, [f"bench/run {bench}"])


def figure(bench):
    """A function that makes a figure of the points of a bench."""
    def register(make):
        FIGURES[make.__name__.replace("_", "-")] = (bench, make)
        return make
    return register


def describe(point):
    """What a point was measured with, but for its value."""
    return {name: value for name, value in point.items() if name not in ("value", "absent")}


ANY = object()  # that a point has this member


def has(point, name, value):
    if value is ANY:
        return name in point
    if name == "pool" and isinstance(value, bool):  # whatever number of shells
        return bool(point[name]) == value
    return point.get(name) == value


def fits(point, members):
    return all(has(point, name, value) for name, value in members.items())


class Points:
    """Points of a bench, and which of them were absent where they were asked for."""

    def __init__(self, result):
        self.all = result["points"]
        self.absent = []

    def find(self, **members):
        return [point for point in self.all if fits(point, members)]

    def measured(self, what, x=None, **members):
        """Those that have a value; the others are noted as absent, by their x."""
        found = self.find(**members)
        for point in found:
            if point["value"] is None:
                self.absent.append({"what": f"{what}, {x} {point[x]}" if x else what,
                                    "reason": point["absent"]})
        if not found:
            self.absent.append({"what": what, "reason": "not measured in this run"})
        return [point for point in found if point["value"] is not None]

    def value(self, **members):
        found = [point["value"] for point in self.find(**members)]
        return found[-1] if found else None

    def series(self, label, x, **members):
        """x is the name of the member that is the abscissa."""
        found = self.measured(label, x, **members)
        return {"label": label,
                "points": [{"x": point[x], "y": point["value"],
                            "configuration": describe(point)} for point in found]}


def ratio(over, under):
    return None if over is None or not under else over / under


# The five of the paper.
CONFIGURATIONS = (
    ("xl", {"tool": "xl"}),
    ("chaos, xenstore", {"tool": "chaos", "registry": "xenstore", "pool": False}),
    ("chaos, xenstore + split", {"tool": "chaos", "registry": "xenstore", "pool": True}),
    ("chaos, noxs", {"tool": "chaos", "registry": "noxs", "pool": False}),
    ("chaos, noxs + split", {"tool": "chaos", "registry": "noxs", "pool": True}),
)


def table_of_series(first, series):
    """A row for each abscissa."""
    xs = sorted({point["x"] for one in series for point in one["points"]})
    rows = [[x] + [next((point["y"] for point in one["points"] if point["x"] == x), None)
                   for one in series] for x in xs]
    return {"columns": [first] + [one["label"] for one in series], "rows": rows}


def create_number(result, vifs, devices):
    points = Points(result)
    series = [points.series(label, "running", op="create", vifs=vifs, **members)
              for label, members in CONFIGURATIONS]
    return {
        "title": f"create among running guests, {devices}",
        "caption": "From the spawn of the command to its exit, with so many guests of the "
                   "same kind running, made by the same toolstack. Guest noop, PVH, 4 MiB, "
                   f"1 vCPU, {devices}. Split: a shell was ready.",
        "kind": "lines", "xlabel": "running guests", "ylabel": "vms", "log": "xy",
        "series": series, "absent": points.absent,
        "table": table_of_series("running", series),
    }


@figure("number")
def create(result):
    return create_number(result, 0, "no device")


@figure("number")
def create_vif(result):
    return create_number(result, 1, "one network interface")


def phases_of(result, vifs, devices):
    points = Points(result)
    labels, series, order = [], {}, []
    for label, members in CONFIGURATIONS:
        found = points.measured(label, op="phase", vifs=vifs, **members)
        labels.append(label)
        for point in found:
            name = point["phase"]
            if name not in series:
                series[name] = []
            series[name].append({"x": label, "y": point["value"],
                                 "configuration": describe(point)})
    for name in PHASES:
        if name in series:
            order.append({"label": name, "points": series.pop(name)})
    order += [{"label": name, "points": found} for name, found in series.items()]
    rows = [[one["label"]] + [next((p["y"] for p in one["points"] if p["x"] == label), None)
                              for label in labels] for one in order]
    rows.append(["create, without the log"] + [
        points.value(op="create", vifs=vifs, **members) for _, members in CONFIGURATIONS])
    return {
        "title": f"where the time of a create goes, {devices}",
        "caption": "The phases of one create with no other guest running. chaos's are those of "
                   "chaos create --timing; exit is what the whole command takes besides. xl's "
                   "begin where a line of xl -vvv says so; writing that log is in them. Guest "
                   f"noop, PVH, 4 MiB, 1 vCPU, {devices}.",
        "kind": "stacked", "ylabel": "vms", "labels": labels,
        "series": order, "absent": points.absent,
        "table": {"columns": ["phase"] + labels, "rows": rows},
    }


# In the order in which they come; xl's nodes, script and console are its own.
PHASES = ("launch", "config", "files", "host", "claim", "reserve", "domain", "memory", "nodes",
          "devices", "dress", "image", "backends", "script", "console", "start", "exit")


@figure("phases")
def phases(result):
    return phases_of(result, 0, "no device")


@figure("phases")
def phases_vif(result):
    return phases_of(result, 1, "one network interface")


# ---------------------------------------------------------------------- boot

STARTS = (("xl", {"tool": "xl"}), ("chaos, cold", {"tool": "chaos", "pool": False}),
          ("chaos, from a shell", {"tool": "chaos", "pool": True}))


def bars_of(points, labels, groups, find):
    """find(label, members) gives the members of a bar's point."""
    series = []
    for text, members in groups:
        bars = []
        for label in labels:
            for point in points.measured(f"{label}, {text}", **find(label, members)):
                bars.append({"x": label, "y": point["value"], "configuration": describe(point)})
        series.append({"label": text, "points": bars})
    rows = [[label] + [next((p["y"] for p in one["points"] if p["x"] == label), None)
                       for one in series] for label in labels]
    return {"series": series, "absent": points.absent, "labels": list(labels),
            "table": {"columns": ["", *(text for text, _ in groups)], "rows": rows}}


@figure("boot")
def boot(result):
    points = Points(result)
    images = {"noop": "noop", "hello": "hello (xl)", "daytime": "daytime", "http": "http",
              "linux": "Linux"}

    def find(label, members):
        image = next(image for image, text in images.items() if text == label)
        return {"op": "up", "image": image, "image_mib": None} | members

    made = bars_of(points, images.values(), STARTS, find)
    # To xl a unikernel can't say that it is up; hello is for xl alone.
    made["absent"] = [one for one in made["absent"]
                      if one["reason"] != "not measured in this run"]
    made["absent"].append({
        "what": "noop, daytime and http by xl",
        "reason": "they say by noxs that they are up; for xl there is hello, which says it on "
                  "the console"})
    return made | {
        "title": "create until the guest is up, by image",
        "caption": "From the spawn of the command until the guest has said that it is up, no "
                   "other guest running; unikernels of 4 MiB, daytime and http with one network "
                   "interface and TCP/IP, Linux of 160 MiB (Debian's kernel, unpacked, with "
                   "busybox in an initramfs and one network interface, xenstore mode). PVH, 1 "
                   "vCPU.",
        "kind": "bars", "ylabel": "vms", "log": "y",
    }


@figure("boot")
def size(result):
    points = Points(result)
    series = []
    for text, members in STARTS:
        series.append(points.series(f"{text}: create", "image_mib", op="create", **members,
                                    **{"image_mib": ANY}))
    for text, members in STARTS[1:]:
        series.append(points.series(f"{text}: up", "image_mib", op="up", **members,
                                    **{"image_mib": ANY}))
    return {
        "title": "create by the image's size",
        "caption": "noop with one more segment of so many MiB to load, in a guest of 8 MiB more; "
                   "from the spawn of the command to its exit, and until the guest is up. PVH, 1 "
                   "vCPU, no device, no other guest running.",
        "kind": "lines", "xlabel": "MiB added to the image", "ylabel": "vms",
        "series": series, "absent": points.absent,
        "table": table_of_series("MiB", series),
    }


# ------------------------------------------------------------------- density


@figure("density")
def density(result):
    points = Points(result)
    series = [points.series(text, "running", tool=tool, op="create", pool=pool,
                            type="pvh", memory_mib=1)
              for text, tool, pool in (("xl", "xl", False),
                                       ("chaos", "chaos", False),
                                       ("libchaos, in a process", "libchaos", False))]
    table = table_of_series("running", series)
    last = max((point["x"] for one in series for point in one["points"]), default=0)
    table["rows"] = [row for row in table["rows"] if row[0] % 1000 == 0 or row[0] < 1000
                     or row[0] >= last - 20][:40]
    return {
        "title": "create among thousands of guests",
        "caption": "Guest noop, PVH, 1 MiB, 1 vCPU, no device; all made by the same toolstack, "
                   "nothing prepared.",
        "kind": "lines", "xlabel": "running guests", "ylabel": "vms", "log": "xy",
        "series": series, "absent": points.absent, "table": table,
    }


@figure("density")
def memory(result):
    points = Points(result)
    consumers = ("own", "pool", "grants", "xen", "registry", "dom0")
    text = {"own": "its own", "pool": "paging pool", "grants": "grant frames",
            "xen": "Xen's structures", "registry": "registry", "dom0": "dom0"}
    found = {point["consumer"]: point
             for point in points.measured("memory", op="memory", tool="chaos", type="pvh",
                                          memory_mib=1)}
    xl = {point["consumer"]: point
          for point in points.measured("memory, xl", op="memory", tool="xl")}
    series = [{"label": text[name], "points": [
        {"x": "chaos", "y": found[name]["value"], "configuration": describe(found[name])}]}
        for name in consumers if name in found]
    if "host" in xl:
        series.append({"label": "all of Xen's", "points": [
            {"x": "xl", "y": xl["host"]["value"], "configuration": describe(xl["host"])}]})
    for one in series:
        if one["label"] == "dom0" and "dom0" in xl:
            one["points"].append({"x": "xl", "y": xl["dom0"]["value"],
                                  "configuration": describe(xl["dom0"])})
    rows = [[one["label"]] + [next((p["y"] for p in one["points"] if p["x"] == label), None)
                              for label in ("xl", "chaos")] for one in series]
    running = {label: max((p["configuration"]["running"] for one in series
                           for p in one["points"] if p["x"] == label), default=0)
               for label in ("xl", "chaos")}
    return {
        "title": "memory that a guest takes",
        "caption": f"Of a guest of 1 MiB, noop, PVH, no device, with {running['chaos']} running "
                   f"by chaos and {running['xl']} by xl: what Xen has less of, and dom0.",
        "kind": "stacked", "ylabel": "KiB per guest", "labels": ["xl", "chaos"],
        "series": series, "absent": points.absent,
        "table": {"columns": ["", "xl", "chaos"], "rows": rows},
    }


# ----------------------------------------------------------------- idle hosts


@figure("idle")
def idle(result):
    points = Points(result)
    names, labels = {}, []
    for point in points.measured("idle", op="idle"):
        what = "no guest" if not point["running"] else \
            f"{point['running']} {point['image']}, {point['tool']}, {point['registry']}"
        names.setdefault(what, []).append(point)
    labels = list(names)
    series = [{"label": consumer, "points": [
        {"x": label, "y": point["value"], "configuration": describe(point)}
        for label, found in names.items() for point in found if point["consumer"] == consumer]}
        for consumer in ("dom0", "guests")]
    rows = [[label] + [next((p["y"] for p in one["points"] if p["x"] == label), None)
                       for one in series] for label in labels]
    return {
        "title": "a processor's time that idle guests take",
        "caption": "Of the only processor, in 20 s in which nobody does anything: what Xen "
                   "counts for dom0 and for all guests together. An instruction is a nanosecond, "
                   "so this is instructions per second, not heat.",
        "kind": "bars", "ylabel": "% of a processor", "labels": labels,
        "series": series, "absent": points.absent,
        "table": {"columns": ["guests", "dom0", "guests together"], "rows": rows},
    }


# ------------------------------------------------------------------- services

SERVICES = (("xl", {"tool": "xl"}),
            ("chaos, cold", {"tool": "chaos", "pool": False}),
            ("chaos, shells, refilled", {"tool": "chaos", "pool": True, "refill": True}),
            ("chaos, shells, prepared", {"tool": "chaos", "pool": True, "refill": False}))


def service(result, services, op, title, caption):
    points = Points(result)
    series = []
    for text, members in services:
        for percentile in (50, 95):
            word = "median" if percentile == 50 else f"{percentile} % below"
            series.append(points.series(f"{text}, {word}", "rate", op=op,
                                        percentile=percentile, **members))
    return {
        "title": title, "caption": caption,
        "kind": "lines", "xlabel": "requests per second", "ylabel": "vms", "log": "xy",
        "series": series, "absent": points.absent,
        "table": table_of_series("per second", series),
    }


@figure("compute")
def compute(result):
    return service(
        result, SERVICES, "result", "a compute service: request to result",
        "Requests at a fixed rate, each of which creates a guest that counts the primes below "
        "10000, prints how many there are and exits; from when a request was due until its "
        "result was read, open loop. Of the rates that the host can't serve the first is shown. "
        "PVH, 4 MiB, 1 vCPU, no device.")


@figure("ondemand")
def ondemand(result):
    return service(
        result, SERVICES[1:2] + SERVICES[3:], "answer",
        "just in time: packet to answer",
        "Clients at a fixed rate, each of which sends one datagram to an address that nobody "
        "has; a guest is created there and echoes it. From when a client was due until it had "
        "the answer. Guest echo, PVH, 4 MiB, 1 vCPU, one network interface.")


# ----------------------------------------------------------------- yardsticks


@figure("pool")
def yardsticks(result):
    points = Points(result)
    bars = (
        ("libchaos, noxs + split", {"tool": "libchaos", "op": "create", "registry": "noxs"}),
        ("fork and exec", {"tool": "process", "op": "spawn"}),
        ("crun container", {"tool": "crun", "op": "run"}),
        ("chaos, noxs + split", {"tool": "chaos", "op": "create", "registry": "noxs",
                                 "pool": True, "refill": True}),
        ("chaos, noxs", {"tool": "chaos", "op": "create", "registry": "noxs", "pool": False}),
        ("chaos, xenstore + split", {"tool": "chaos", "op": "create", "registry": "xenstore",
                                     "pool": True}),
        ("chaos, xenstore", {"tool": "chaos", "op": "create", "registry": "xenstore",
                             "pool": False}),
        ("xl", {"tool": "xl", "op": "create"}),
    )
    devices = (("no device", 0, 0), ("one vif", 1, 0), ("one vif, one vbd", 1, 1))
    series = []
    for text, vifs, vbds in devices:
        found = []
        for label, members in bars:
            of_guest = {} if members["tool"] in ("process", "crun") else \
                {"image": "noop", "type": "pvh"}
            if not of_guest and vifs:
                continue
            for point in points.measured(f"{label}, {text}", vifs=vifs, vbds=vbds,
                                         **of_guest, **members):
                found.append({"x": label, "y": point["value"],
                              "configuration": describe(point)})
        series.append({"label": text, "points": found})
    rows = [[label] + [next((p["y"] for p in one["points"] if p["x"] == label), None)
                       for one in series] for label, _ in bars]
    return {
        "title": "create, beside a process and a container",
        "caption": "From the spawn of the command to its exit; libchaos from the call to its "
                   "return, in a process that runs already. The process is empty and static, the "
                   "container runs busybox true. Guest noop, PVH, 4 MiB, 1 vCPU, 4 others "
                   "running.",
        "kind": "bars", "ylabel": "vms", "log": "y", "labels": [label for label, _ in bars],
        "series": series, "absent": points.absent,
        "table": {"columns": ["", *(text for text, _, _ in devices)], "rows": rows},
    }


# -------------------------------------------------------------------- profile

WHERE = ("chaos", "kernel", "Xen", "guest", "others")
# Bars in the picture.
ASKED_MAX = 14
LEAST = 0.003  # million instructions: what takes less is not in the table


def instructions_of(result, kind, what):
    points = Points(result)
    found = {(point["asked"], point["where"]): point
             for point in points.measured("profile", op="group", kind=kind)}
    sums = {}
    for (asked, _), point in found.items():
        sums[asked] = sums.get(asked, 0) + point["value"]
    labels = sorted(sums, key=sums.get, reverse=True)
    series = [{"label": where, "points": [
        {"x": asked, "y": found[asked, where]["value"],
         "configuration": describe(found[asked, where])}
        for asked in labels[:ASKED_MAX] if (asked, where) in found]} for where in WHERE]
    rows = [[asked] + [found[asked, where]["value"] if (asked, where) in found else None
                       for where in WHERE] + [sums[asked]]
            for asked in labels if sums[asked] >= LEAST]
    rows.append(["all"] + [sum(point["value"] for (_, by), point in found.items() if by == where)
                           for where in WHERE] + [sum(sums.values())])
    return {
        "title": f"instructions of {what}",
        "caption": "Each instruction from the spawn of chaos create to its exit, counted by a "
                   "plugin in QEMU: by the system call or fault that was last asked for, and by "
                   "whose instruction it is. Some are asked for by the program that spawns it: "
                   "clone3, rt_sigaction, wait4, most of poll and of munmap. Guest noop, PVH, no "
                   "device.",
        "kind": "stacked", "ylabel": "million instructions", "labels": labels[:ASKED_MAX],
        "series": series, "absent": points.absent,
        "table": {"columns": ["asked for", *WHERE, "all"], "rows": rows},
    }


@figure("profile")
def instructions(result):
    return instructions_of(result, "shell", "a create from a shell, noxs")


@figure("profile")
def instructions_cold(result):
    return instructions_of(result, "cold", "a create without a shell, noxs")


@figure("profile")
def instructions_xenstore(result):
    return instructions_of(result, "xenstore", "a create without a shell, xenstore")


@figure("profile")
def functions(result):
    points = Points(result)
    found = points.measured("profile", op="function", kind="shell")
    labels = [f"{point['function']} ({point['where']})" for point in found]
    return {
        "title": "functions in which a create from a shell spends most",
        "caption": "Of the same count, the functions with the most instructions.",
        "kind": "bars", "ylabel": "million instructions", "labels": labels,
        "series": [{"label": "instructions", "points": [
            {"x": label, "y": point["value"], "configuration": describe(point)}
            for label, point in zip(labels, found)]}],
        "absent": points.absent,
        "table": {"columns": ["function", "instructions"],
                  "rows": [[label, point["value"]] for label, point in zip(labels, found)]},
    }
