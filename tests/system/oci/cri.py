"""A client of CRI, the kubelet's interface to containerd: cri.py SOCKET METHOD [JSON] [--get FIELD].

The JSON is the request; the answer is JSON on stdout, with --get one field of it. Only the fields that tests need are
known, by their numbers in the api.proto of CRI.
"""
import argparse
import json
import sys

import grpc

# message: {field: (number, kind)}; a kind is int, str, bytes, a message, or a list of one of them.
MAP = {"key": (1, str), "value": (2, str)}
METADATA = {"name": (1, str), "uid": (2, str), "namespace": (3, str), "attempt": (4, int)}
CONTAINER_METADATA = {"name": (1, str), "attempt": (2, int)}
NAMESPACES = {"network": (1, int), "pid": (2, int), "ipc": (3, int)}
RESOURCES = {"cpu_period": (1, int), "cpu_quota": (2, int), "cpu_shares": (3, int), "memory_limit_in_bytes": (4, int)}
SANDBOX = {
    "metadata": (1, METADATA), "hostname": (2, str), "log_directory": (3, str), "annotations": (7, [MAP]),
    "linux": (8, {"cgroup_parent": (1, str), "security_context": (2, {"namespace_options": (1, NAMESPACES)})})}
CONTAINER = {
    "metadata": (1, CONTAINER_METADATA), "image": (2, {"image": (1, str)}), "command": (3, [str]), "args": (4, [str]),
    "envs": (6, [MAP]), "mounts": (7, [{"container_path": (1, str), "host_path": (2, str), "readonly": (3, int)}]),
    "log_path": (11, str), "tty": (14, int),
    "linux": (15, {"resources": (1, RESOURCES), "security_context": (2, {"namespace_options": (3, NAMESPACES)})})}
STATUS = {"id": (1, str), "state": (3, int), "exit_code": (7, int), "reason": (10, str), "message": (11, str), "log_path": (15, str)}
ID = {"container_id": (1, str)}
SANDBOX_ID = {"pod_sandbox_id": (1, str)}
METHODS = {  # method: (request, answer)
    "Version": ({}, {"runtime_name": (2, str), "runtime_version": (3, str)}),
    "RunPodSandbox": ({"config": (1, SANDBOX), "runtime_handler": (2, str)}, SANDBOX_ID),
    "StopPodSandbox": (SANDBOX_ID, {}),
    "RemovePodSandbox": (SANDBOX_ID, {}),
    "ListPodSandbox": ({}, {"items": (1, [{"id": (1, str)}])}),
    "CreateContainer": ({"pod_sandbox_id": (1, str), "config": (2, CONTAINER), "sandbox_config": (3, SANDBOX)}, ID),
    "StartContainer": (ID, {}),
    "StopContainer": ({"container_id": (1, str), "timeout": (2, int)}, {}),
    "RemoveContainer": (ID, {}),
    "ListContainers": ({}, {"containers": (1, [{"id": (1, str)}])}),
    "ContainerStatus": (ID, {"status": (1, STATUS)}),
    "ExecSync": ({"container_id": (1, str), "cmd": (2, [str]), "timeout": (3, int)},
                 {"stdout": (1, str), "stderr": (2, str), "exit_code": (3, int)}),
    "ListImages": ({}, {"images": (1, [{"id": (1, str), "repo_tags": (2, [str])}])}),
    "UpdateContainerResources": ({"container_id": (1, str), "linux": (2, RESOURCES)}, {}),
}


def number_to_bytes(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def encode(message, fields):
    out = b""
    for name, value in message.items():
        number, kind = fields[name]
        for item in value if isinstance(kind, list) else [value]:
            one = kind[0] if isinstance(kind, list) else kind
            if one is int:
                out += number_to_bytes(number << 3) + number_to_bytes(item & (1 << 64) - 1)
                continue
            content = item.encode() if one is str else encode(item, one)
            out += number_to_bytes(number << 3 | 2) + number_to_bytes(len(content)) + content
    return out


def take_number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def decode(data, fields):
    names = {number: (name, kind) for name, (number, kind) in fields.items()}
    message = {name: kind() if kind in (int, str) else type(kind)() for name, (_, kind) in fields.items()}
    at = 0
    while at < len(data):
        tag, at = take_number(data, at)
        value, at = take_number(data, at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        if tag >> 3 not in names:
            continue
        name, kind = names[tag >> 3]
        one = kind[0] if isinstance(kind, list) else kind
        if one is str:
            value = value.decode()
        elif one is not int:
            value = decode(value, one)
        if isinstance(kind, list):
            message[name].append(value)
        else:
            message[name] = value
    return message


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--get", metavar="FIELD")
    parser.add_argument("socket")
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("request", nargs="?", type=json.loads, default={})
    arguments = parser.parse_intermixed_args()
    request, answer = METHODS[arguments.method]
    service = "ImageService" if "Image" in arguments.method else "RuntimeService"
    with grpc.insecure_channel("unix:" + arguments.socket, options=[("grpc.enable_http_proxy", 0)]) as channel:
        call = channel.unary_unary(
            f"/runtime.v1.{service}/{arguments.method}", request_serializer=lambda message: encode(message, request),
            response_deserializer=lambda data: decode(data, answer))
        try:
            result = call(arguments.request, timeout=120)
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
    print(result[arguments.get] if arguments.get else json.dumps(result))


main()
