#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a setting is, by Python dlt and by the tools, in random configurations.

lookup.py DIR CONFIGQ FIRST-LAST     (needs Python dlt 1.26.0; the numbers are seeds)

Each seed makes a config.toml, a secrets.toml and variables of the environment
that set one key in sections that the lookup asks for, and in some that it does
not, and looks it up below a random path. Prints what differs; exit 1.
"""
import json, os, random, subprocess, sys, warnings

os.environ.update({"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"})
warnings.filterwarnings("ignore")
import dlt
from dlt.common.configuration import configspec, resolve_configuration
from dlt.common.configuration.container import Container
from dlt.common.configuration.exceptions import ConfigFieldMissingException
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

HERE = os.path.abspath(sys.argv[1])
TYPES = {"int": int, "bool": bool, "str": str}
VALUES = {"int": [1, 2, 30, 1000, "7", "0x10", "1_000"], "bool": [True, False, "yes", "false", "t", "0", "on"],
          "str": ["a", "b c", "5", "x=y", "ü", ""]}
PATHS = [("sources", "mod", "name"), ("sources", "mod"), ("sources",), ("normalize",), ("load",), ("extract",),
         ("destination", "wh"), ("sources", "same", "same"), ("pipe",)]


def spec_of(section, kind):
    class Spec(BaseConfiguration):
        value: TYPES[kind] = None
        __section__ = section
    Spec.__annotations__ = {"value": TYPES[kind]}
    return configspec(Spec)


class Case:
    def __init__(self, seed):
        r = random.Random(seed)
        self.kind, self.path = r.choice(list(TYPES)), r.choice(PATHS)
        self.pipeline, self.section = r.choice([None, "pipe", "other"]), r.choice([None, "data_writer", "part"])
        places = []
        for head in ([], ["pipe"], ["other"]):
            for n in range(len(self.path) + 1):
                for tail in ([], ["data_writer"], ["part"]):
                    places.append(head + list(self.path[:n]) + tail)
        places += [list(self.path[1:]), ["mod", "name"], ["else"], list(self.path) + ["deeper"]]
        self.files = {name: [(r.choice(places), r.choice(VALUES[self.kind])) for _ in range(r.choice([0, 1, 2, 4]))]
                      for name in ("config.toml", "secrets.toml")}
        # variables hold text
        self.env = {"__".join([*p, "value"]).upper(): str(r.choice(VALUES[self.kind])).replace("ü", "u")
                    for p in r.sample(places, r.choice([0, 0, 1, 2]))}
        self.seed = seed

    def write(self, folder):
        os.makedirs(folder, exist_ok=True)
        for name, items in self.files.items():
            done, text = set(), []
            # outer tables first: tomlkit, and so dlt, refuses some that come behind inner ones
            for place, value in sorted(items, key=lambda item: len(item[0])):
                # a table is written once
                if tuple(place) in done:
                    continue
                done.add(tuple(place))
                if not place:
                    text.insert(0, "value = %s\n" % json.dumps(value))
                else:
                    text.append("[%s]\nvalue = %s\n" % (".".join(place), json.dumps(value)))
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write("".join(text))

    def python(self, root):
        Container()[PluggableRunContext].reload(root)
        context = ConfigSectionContext(pipeline_name=self.pipeline, sections=self.path)
        with Container().injectable_context(context):
            try:
                found = resolve_configuration(spec_of(self.section, self.kind)()).value
            except ConfigFieldMissingException:
                return "-"
            except Exception:
                return "error"
        if found is None:
            return "-"
        return str(found).lower() if self.kind == "bool" else str(found)

    def query(self, folder):
        return "\t".join([folder, self.pipeline or "-", "/".join(self.path), self.section or "-", "value", self.kind,
                          *("%s=%s" % v for v in self.env.items())])


def main():
    first, last = (int(n) for n in sys.argv[3].split("-"))
    cases, wanted = [Case(n) for n in range(first, last + 1)], []
    for case in cases:
        root = "%s/%d" % (HERE, case.seed)
        case.write(root + "/.dlt")
        os.environ.update(case.env)
        wanted.append(case.python(root))
        for name in case.env:
            del os.environ[name]
    answers = subprocess.run([sys.argv[2]], input="".join(c.query("%s/%d/.dlt" % (HERE, c.seed)) + "\n" for c in cases), text=True,
                             stdout=subprocess.PIPE, check=True).stdout.split("\n")
    bad = 0
    for case, want, got in zip(cases, wanted, answers):
        if want != got:
            bad += 1
            print(case.seed, "want %r, got %r:" % (want, got), case.pipeline, case.path, case.section, case.kind, case.files, case.env)
    print("%d lookups, %d found something, %d differ" % (len(cases), sum(w != "-" for w in wanted), bad))
    return bad != 0


sys.exit(main())
