# SPDX-License-Identifier: Apache-2.0
"""The CRI, as kubelet speaks it to a container runtime: gRPC on a Unix socket.

Of its messages (runtime.v1, api.proto) there are the fields that the tests set.
"""

import contextlib
import types

import container
import grpc
import protobuf

NODE = 2  # the namespace of the node, not one of the pod
ALONE = 1  # one of the container
BIDIRECTIONAL = 2  # mount propagation
MESSAGES = {
    "RunPodSandbox": {"config": (1, "Pod"), "runtime_handler": 2},
    "StopPodSandbox": {"pod_sandbox_id": 1},
    "RemovePodSandbox": {"pod_sandbox_id": 1},
    "ListPodSandbox": {},
    "CreateContainer": {"pod_sandbox_id": 1, "config": (2, "Container"), "sandbox_config": (3, "Pod")},
    "StartContainer": {"container_id": 1},
    "StopContainer": {"container_id": 1},
    "RemoveContainer": {"container_id": 1},
    "UpdateContainerResources": {"container_id": 1, "linux": (2, "Resources")},
    "ExecSync": {"container_id": 1, "cmd": 2, "timeout": 3},
    "Version": {},
    # parts of the above
    "Pod": {"metadata": (1, "PodMetadata"), "labels": (6, "map"), "linux": (8, "PodLinux")},
    "PodMetadata": {"name": 1, "uid": 2, "namespace": 3},
    "PodLinux": {"cgroup_parent": 1, "security_context": (2, "PodSecurity")},
    "PodSecurity": {"namespace_options": (1, "Namespaces"), "privileged": 6},
    "Namespaces": {"network": 1, "pid": 2},
    "Container": {"metadata": (1, "Name"), "image": (2, "Image"), "command": 3,
                  "envs": (6, "Variable"), "mounts": (7, "Mount"), "devices": (8, "Device"),
                  "annotations": (10, "map"), "linux": (15, "ContainerLinux"),
                  "CDI_devices": (17, "Name")},
    "Name": {"name": 1},
    "Image": {"image": 1, "user_specified_image": 18},
    "Variable": {"key": 1, "value": 2},
    "Mount": {"container_path": 1, "host_path": 2, "readonly": 3, "propagation": 5},
    "Device": {"container_path": 1, "host_path": 2, "permissions": 3},
    "ContainerLinux": {"resources": (1, "Resources"), "security_context": (2, "Security")},
    "Resources": {"cpuset_cpus": 6},
    "Security": {"capabilities": (1, "Capabilities"), "privileged": 2,
                 "namespace_options": (3, "Namespaces")},
    "Capabilities": {"add_capabilities": 1, "drop_capabilities": 2},
}


class Refused(Exception):
    """The text that kubelet makes an event of."""


class Client:
    def __init__(self, socket):
        self.channel = grpc.insecure_channel(f"unix:{socket}")

    def __call__(self, method, timeout=120, **values):
        call = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")
        try:
            return protobuf.decode(call(protobuf.encode(MESSAGES, method, values), timeout=timeout))
        except grpc.RpcError as error:
            raise Refused(error.details()) from None

    def pod(self, name, handler="", cgroup_parent=container.CGROUP):
        return Pod(self, name, handler, cgroup_parent)

    def remove_all(self):
        for pod in self("ListPodSandbox").get(1, []):
            identity = protobuf.decode(pod)[1][0].decode()
            self("StopPodSandbox", pod_sandbox_id=identity)
            self("RemovePodSandbox", pod_sandbox_id=identity)

    def end(self):
        with contextlib.suppress(Refused):
            self.remove_all()
        self.channel.close()


class Pod:
    """A sandbox on the node's network, as `hostNetwork: true` has it: no CNI plugin is asked."""

    def __init__(self, client, name, handler, cgroup_parent):
        self.client = client
        self.config = {
            "metadata": {"name": name, "uid": name, "namespace": "default"},
            "linux": {"cgroup_parent": cgroup_parent,
                      "security_context": {"namespace_options": {"network": NODE}, "privileged": True}},
        }
        self.identity = client("RunPodSandbox", config=self.config, runtime_handler=handler)[1][0].decode()

    def create(self, image, env=None, mounts=(), devices=(), capabilities=(), dropped=(),
               privileged=False, propagation=0, **more):
        """`env` is a dict; `mounts` and `devices` are pairs: in the container, on the node."""
        security = {"capabilities": {"add_capabilities": list(capabilities),
                                     "drop_capabilities": list(dropped)},
                    "privileged": privileged,
                    "namespace_options": {"network": NODE, "pid": ALONE}}
        config = {
            "metadata": {"name": "main"},
            "image": {"image": image, "user_specified_image": image},
            "envs": [{"key": key, "value": value} for key, value in (env or {}).items()],
            "mounts": [{"container_path": inside, "host_path": outside, "propagation": propagation}
                       for inside, outside in mounts],
            "devices": [{"container_path": inside, "host_path": outside, "permissions": "rw"}
                        for inside, outside in devices],
            "linux": {"resources": {}, "security_context": security}, **more,
        }
        return self.client("CreateContainer", pod_sandbox_id=self.identity, config=config,
                           sandbox_config=self.config)[1][0].decode()

    def run(self, image, **options):
        identity = self.create(image, **options)
        self.client("StartContainer", container_id=identity)
        return identity

    def ask(self, identity, *queries):
        """What look.c sees in a container that runs."""
        return self.execute(identity, "/bin/look", *queries)

    def execute(self, identity, *command):
        answer = self.client("ExecSync", container_id=identity, cmd=list(command), timeout=60)
        out, err = (answer.get(place, [b""])[0].decode() for place in (1, 2))
        return container.Result(types.SimpleNamespace(
            returncode=answer.get(3, [0])[0], stdout=out, stderr=err))
