"""Prints all that a file system tells of a tree, a line for each name: python3 tree_listing.py DIRECTORY"""
import hashlib
import os
import stat
import sys


def listing(root):
    for directory, names, files in os.walk(os.fsencode(root)):
        names.sort()
        if directory == os.fsencode(root):
            yield b"."
        for name in sorted(names + files):
            yield os.path.relpath(os.path.join(directory, name), os.fsencode(root))


def content(path, mode):
    if stat.S_ISLNK(mode):
        return os.readlink(path)
    if not stat.S_ISREG(mode):
        return b""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest().encode()


def describe(root, name):
    path = os.path.join(os.fsencode(root), name)
    status = os.lstat(path)
    regular = stat.S_ISREG(status.st_mode)
    attributes = {
        attribute: os.getxattr(path, attribute, follow_symlinks=False)
        for attribute in os.listxattr(path, follow_symlinks=False)
    }
    return {
        "name": name,
        "mode": oct(status.st_mode),
        "owner": (status.st_uid, status.st_gid),
        "mtime": status.st_mtime_ns,
        "size": status.st_size if regular or stat.S_ISLNK(status.st_mode) else 0,
        "links": 0 if stat.S_ISDIR(status.st_mode) else status.st_nlink,
        "device": (os.major(status.st_rdev), os.minor(status.st_rdev)),
        "content": content(path, status.st_mode),
        "attributes": sorted(attributes.items()),
    }


for each in listing(sys.argv[1]):
    print(describe(sys.argv[1], each))
