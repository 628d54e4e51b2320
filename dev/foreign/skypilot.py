"""Runs SkyPilot's Paperspace provisioner, as it is on PyPI, through the life of a cluster.

Usage: skypilot.py API_URL SPEED, with the key in ~/.paperspace/config.json, which is where SkyPilot reads it. Only two
constants of its modules are set: the address of the API, and the pause between two polls, which passes as quickly as
the time of the simulator. Prints one line of JSON for each step.
"""

import json
import sys

from sky.provision import common
from sky.provision.paperspace import config, instance, utils

REGION = "ny2"
CLUSTER = "sky-fidelity"


def report(step, **what):
    print(json.dumps({"step": step, **what}), flush=True)


def cluster_config(instance_type, disk_size):
    return common.ProvisionConfig(
        provider_config={},
        authentication_config={"ssh_public_key": "ssh-ed25519 AAAA sky"},
        docker_config={},
        node_config={"InstanceType": instance_type, "DiskSize": disk_size},
        count=1,
        tags={},
        resume_stopped_nodes=True,
        ports_to_open_on_launch=None,
    )


def launch(step, instance_type, disk_size):
    bootstrapped = config.bootstrap_instances(REGION, CLUSTER, cluster_config(instance_type, disk_size))
    record = instance.run_instances(REGION, CLUSTER, CLUSTER, bootstrapped)
    report(
        step,
        network=bootstrapped.node_config["NetworkId"],
        disk=bootstrapped.node_config["DiskSize"],
        created=record.created_instance_ids,
        head=record.head_instance_id,
    )


def statuses():
    found = instance.query_instances(CLUSTER, CLUSTER, provider_config={})
    return {machine: status.name for machine, (status, _) in found.items()}


def main(url, speed):
    utils.API_ENDPOINT = url
    instance.POLL_INTERVAL = instance.POLL_INTERVAL / speed
    # Between the sizes that SkyPilot knows: it takes the next one.
    launch("launched", "A4000", 120)
    info = instance.get_cluster_info(REGION, CLUSTER, {})
    report("info", head=info.head_instance_id, addresses=[[i.internal_ip, i.external_ip] for i in info.instances[info.head_instance_id]])
    instance.stop_instances(CLUSTER)
    report("stopped", statuses=statuses())
    # Finds its network and, by the prefix of its name, the script that it has renamed meanwhile.
    launch("restarted", "A4000", 120)
    report("running", statuses=statuses())
    instance.terminate_instances(CLUSTER)
    report("terminated")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
