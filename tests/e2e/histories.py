"""Histories as nobody writes them, and some as people do: folders that move, files that become folders, links and
submodules, binary and empty files, odd names, attributes; merges of any kind, roots, and reverts in between."""
import random

NAMES = [b"deploy.yaml", b"values.yaml", b"a", b"A", b"README", b"readme", b"x.txt", b"y.bin", b"kustomization.yaml"]
ODD = ["naïve.txt".encode(), "nai\u0308ve.txt".encode(), b"with space", b'quo"te', b"back\\slash", b"-dash", b"st*r?[x]",
       b"trail.", b"...", "日本語".encode(), b"#hash", b":colon", b"~", b"l" * 200, b"a.b", b"a-b"]
FOLDERS = [b"", b"apps/", b"apps/web/", b"apps/api/", b"Apps/", b"a.d/", b"a/", b"/".join(b"d%d" % i for i in range(20)) + b"/"]
ATTRIBUTES = [b"* text=auto\n", b"*.txt text eol=crlf\n", b"*.txt merge=union\n", b"*.yaml -merge\n", b"* binary\n",
              b"*.yaml merge=mydriver\n", b"[attr]mine -merge\n*.yaml mine\n", b"*.yaml merge\n", b"*.txt ident\n"]
LINES = [b"  - name: web\n", b"    image: x:%d\n", b"}\n", b"{\n", b"\n", b"replicas: %d\n", b"key: v%d\n", b"---\n"]
EDITS = ["edit", "rewrite", "rename", "copy", "mode", "case", "newline", "crlf", "binary", "long", "empty", "swap", "block"]
OTHERS = ["add", "delete", "link", "submodule", "nest", "move", "copy_folder", "drop_folder", "attributes"]


class History(random.Random):
    """.commits: (mark, parents, files), files by path: (mode, content); .main: the newest's mark."""

    def __init__(self, seed):
        super().__init__(seed)
        self.commits = []
        self.names = NAMES + (ODD if self.random() < 0.3 else [])
        self.kinds = ["edit"] * 4 + ["add"] + self.choices(EDITS + OTHERS, k=self.randint(4, 12))
        line, sides = [self.commit([], self.mutated({}, 8, ["add"]))], []
        for _ in range(self.randint(5, 10)):
            self.go_on(line, sides)
        self.main = line[-1]

    def files(self, mark):
        return dict(self.commits[mark - 1][2])

    def commit(self, parents, files):
        self.commits.append((len(self.commits) + 1, parents, dict(files)))
        return len(self.commits)

    # How it goes on.

    def go_on(self, line, sides):
        files, what = self.files(line[-1]), self.random()
        if what < 0.15:
            start = self.choice(line)
            sides.append(self.commit([start], self.mutated(self.files(start))))
        elif what < 0.35 and sides:
            merged = [sides.pop() for _ in range(min(len(sides), self.choice([1, 1, 2, 3])))]
            before = line[-1]
            for side in merged:
                self.take(files, self.files(side), 0.7)
            line.append(self.commit([before, *merged], self.mutated(files) if self.random() < 0.4 else files))
            if self.random() < 0.4:  # criss-cross
                side = self.files(merged[0])
                self.take(side, self.files(before), 0.6)
                sides.append(self.commit([merged[0], before], side))
        elif what < 0.42:
            root = self.mutated({}, 3, ["add"])
            self.take(files, root, 1)
            line.append(self.commit([line[-1], self.commit([], root)], files))
        elif what < 0.55 and len(line) > 2:
            undone = self.choice(line[1:])
            was, becomes = self.files(undone), self.files(self.commits[undone - 1][1][0])
            for path in was.keys() | becomes.keys():
                if was.get(path) != becomes.get(path):
                    files.pop(path, None)
                    if path in becomes:
                        self.put(files, path, becomes[path])
            line.append(self.commit([line[-1]], self.mutated(files, 1) if self.random() < 0.3 else files))
        else:
            line.append(self.commit([line[-1]], self.mutated(files)))

    def take(self, files, others, share):
        for path, entry in others.items():
            if self.random() < share:
                self.put(files, path, entry)

    # What a commit changes.

    def path(self):
        return self.choice(FOLDERS) + self.choice(self.names)

    def line(self):
        line = self.choice(LINES)
        return line % self.randint(0, 9) if b"%d" in line else line

    def content(self):
        what = self.random()
        if what < 0.1:
            return b"" if what < 0.05 else self.randbytes(self.randint(1, 300))
        text = b"".join(self.line() for _ in range(self.choice([3, 10, 40])))
        return text.rstrip(b"\n") if what < 0.17 else text.replace(b"\n", b"\r\n") if what < 0.23 else text

    @staticmethod
    def put(files, path, entry):
        for other in list(files):
            if other == path or other.startswith(path + b"/") or path.startswith(other + b"/"):
                del files[other]
        files[path] = entry

    def mutated(self, files, times=None, kinds=None):
        for _ in range(times or self.choice([1, 1, 2, 3])):
            kind = self.choice(kinds or self.kinds)
            if len(files) < 3 or kind == "add":
                self.put(files, self.path(), (self.choice(["644", "644", "755"]), self.content()))
            elif kind in OTHERS:
                getattr(self, kind)(files)
            else:
                regular = sorted(path for path, entry in files.items() if entry[0] in ("644", "755"))
                if regular:
                    self.change(files, kind, self.choice(regular), regular)
        return files

    def any(self, files):
        return self.choice(sorted(files))

    def delete(self, files):
        del files[self.any(files)]

    def link(self, files):
        self.put(files, self.choice([self.any(files), self.path()]), ("120000", b"target%d" % self.randint(0, 3)))

    def submodule(self, files):
        there = sorted(path for path, entry in files.items() if entry[0] == "160000")
        if there and self.random() < 0.25:
            del files[self.choice(there)]
        else:
            path = self.choice(there) if there and self.random() < 0.7 else self.choice([self.any(files), b"sub/module"])
            self.put(files, path, ("160000", b"%040x" % self.randint(1, 5)))

    def attributes(self, files):
        self.put(files, self.choice([b"", b"apps/"]) + b".gitattributes", ("644", b"".join(self.sample(ATTRIBUTES, 2))))

    def nest(self, files):
        path = self.any(files)
        entry = files.pop(path)
        out = b"/" in path and self.random() < 0.5
        self.put(files, path.rsplit(b"/", 1)[0] if out else path + b"/" + self.choice(self.names), entry)

    def move(self, files, keep=False, drop=False):
        folders = sorted({path[:i] for path in files for i, c in enumerate(path) if c == ord("/")})
        if not folders:
            return
        folder = self.choice(folders)
        to = self.choice([self.path(), folder + b"2", folder.upper(), folder + b"/sub"])
        below = {path: entry for path, entry in files.items() if path.startswith(folder + b"/")}
        for path in below if not keep else ():
            del files[path]
        for path, entry in below.items() if not drop else ():
            self.put(files, to + path[len(folder):], entry)

    def copy_folder(self, files):
        self.move(files, keep=True)

    def drop_folder(self, files):
        self.move(files, drop=True)

    def edited(self, text):
        lines = text.splitlines(True)
        for _ in range(self.randint(1, 3)):
            at = self.randint(0, len(lines))
            lines[at:at + self.choice([0, 1])] = self.choice([[], [self.line()]])
        return b"".join(lines)

    def change(self, files, kind, path, regular):
        mode, text = files[path]
        lines, maybe = text.splitlines(True), self.random() < 0.5
        at = self.randint(0, len(lines))
        other = {"644": "755", "755": "644"}[mode]
        if kind in ("rename", "case"):
            del files[path]
            folder, slash, name = path.rpartition(b"/")
            self.put(files, self.path() if kind == "rename" else folder + slash + name.swapcase(),
                     (mode, self.edited(text) if maybe else text))
        elif kind == "copy":
            self.put(files, self.path(), (mode, self.edited(text) if maybe else text))
        elif kind == "swap":
            second = self.choice(regular)
            files[path], files[second] = files[second], files[path]
        elif kind == "block":
            block = lines[at:at + self.randint(1, 5)]
            if maybe:
                del lines[at:at + len(block)]
            to = self.randint(0, len(lines))
            files[path] = (mode, b"".join(lines[:to] + block + lines[to:]))
        else:
            files[path] = {
                "edit": lambda: (mode, self.edited(text)),
                "rewrite": lambda: (mode, self.content()),
                "mode": lambda: (other, self.edited(text) if maybe else text),
                "newline": lambda: (mode, text[:-1] if text.endswith(b"\n") else text + b"\n"),
                "crlf": lambda: (mode, text.replace(b"\r\n", b"\n") if b"\r\n" in text else text.replace(b"\n", b"\r\n")),
                "binary": lambda: (mode, b"".join(lines[:at] + [b"\0", self.randbytes(1)] + lines[at:])),
                "long": lambda: (mode, b"".join(lines[:at] + [b"x" * self.choice([500, 60000]) + b"%d\n" % at] + lines[at:])),
                "empty": lambda: (mode, b"" if text else self.content()),
            }[kind]()

    # For git.

    def reachable(self):
        seen, left = set(), [self.main]
        while left:
            mark = left.pop()
            if mark not in seen:
                seen.add(mark)
                left += self.commits[mark - 1][1]
        return sorted(seen)

    def stream(self):
        """What git fast-import reads."""
        out = []
        for mark, parents, files in self.commits:
            out += [b"reset refs/t/%d\n" % mark] if not parents else []
            out += [b"commit refs/t/%d\nmark :%d\ncommitter T <t@example.com> %d +0000\ndata 2\nc\n\n" % (mark, mark, 1700000000 + mark)]
            out += [b"%s :%d\n" % (b"merge" if i else b"from", parent) for i, parent in enumerate(parents)]
            out += [b"deleteall\n"]
            for path, (mode, text) in files.items():
                quoted = b'"' + b"".join(b"\\%03o" % c for c in path) + b'"'
                out += ([b"M 160000 %s %s\n" % (text, quoted)] if mode == "160000" else
                        [b"M %s inline %s\ndata %d\n%s\n" % (mode.encode(), quoted, len(text), text)])
        return b"".join(out) + b"reset refs/heads/main\nfrom :%d\n\n" % self.main
