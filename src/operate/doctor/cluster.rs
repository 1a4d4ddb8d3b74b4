//! The nodes: alarms, members of quorum queues, connections that may not publish.

use super::Severity;
use super::case::{Case, Notes};
use super::facts::{FoundQueue, ManagementFacts, Node};
use super::finding::{Area, checks};
use crate::config::QueueType;

checks! { Broker:
    MEMORY = "memory-alarm", Error,
        "the broker takes no message from any publisher until its memory is below the limit: retries and dead letters wait as well";
    DISK = "disk-alarm", Error,
        "the broker takes no message from any publisher until there is room: retries and dead letters wait as well";
    DOWN = "broker-node-down", Error,
        "queues with most of their members on nodes that are down take and give nothing";
    SINGLE = "single-node-quorum", Notice,
        "on one node a quorum queue survives a restart, and not the loss of its disk";
    MEMBERS = "quorum-without-replicas", Warning,
        "the queue does not survive the loss of its node although there are others";
    OFFLINE = "quorum-member-offline", Error,
        "a quorum queue needs most of its members: one more that fails, and it stops";
    BLOCKED = "connection-blocked", Warning,
        "a program is not allowed to publish now; workers of it can neither retry nor dead-letter";
}

pub(super) fn check(case: &Case<'_>, notes: &mut Notes) {
    let Some(facts) = case.management() else {
        return;
    };
    if let Some(nodes) = notes.answer(Area::Broker, "nodes and alarms", &facts.nodes) {
        alarms(nodes, notes);
        single(case, nodes, notes);
        members(case, facts, nodes, notes);
    }
    blocked(facts, notes);
}

fn alarms(nodes: &[Node], notes: &mut Notes) {
    for node in nodes {
        if !node.running {
            notes.add(DOWN.found(
                &node.name,
                format!("the node {} is not running", node.name),
                "start it, or remove it for good: rabbitmqctl forget_cluster_node",
            ));
        }
        if node.mem_alarm {
            notes.add(MEMORY.found(
                &node.name,
                format!("the node {} has raised its memory alarm", node.name),
                "let consumers catch up, give it more memory, or raise vm_memory_high_watermark",
            ));
        }
        if node.disk_free_alarm {
            notes.add(DISK.found(
                &node.name,
                format!("the node {} has raised its disk alarm", node.name),
                "free or add disk; disk_free_limit says how much has to be left",
            ));
        }
    }
}

fn single(case: &Case<'_>, nodes: &[Node], notes: &mut Notes) {
    let quorum = |queue: &crate::topology::Queue| queue.queue_type == QueueType::Quorum;
    if let [node] = nodes
        && case.topology.queues.iter().any(quorum)
    {
        notes.add(SINGLE.found(
            &node.name,
            "the broker has one node",
            "three nodes for data that has to survive one of them; one is enough for development",
        ));
    }
}

fn members(case: &Case<'_>, facts: &ManagementFacts, nodes: &[Node], notes: &mut Notes) {
    // Asked for and noted with the queues.
    let Ok(queues) = &facts.queues else { return };
    let ours = |queue: &&FoundQueue| case.topology.queue(&queue.name).is_some();
    for queue in queues.iter().filter(ours).filter(|q| q.kind == "quorum") {
        let (members, online) = (queue.members.len(), queue.online.len());
        if members == 1 && nodes.len() > 1 {
            notes.add(MEMBERS.found(
                &queue.name,
                format!(
                    "the queue has one member, the cluster {} nodes",
                    nodes.len()
                ),
                "rabbitmq-queues grow NODE all, for each node",
            ));
        }
        if online < members {
            let found = OFFLINE.found(
                &queue.name,
                format!("{online} of {members} members are online"),
                "start the nodes that are down; rabbitmq-queues quorum_status shows them",
            );
            let majority = online * 2 > members;
            notes.add(if majority {
                found.severity(Severity::Warning)
            } else {
                found
            });
        }
    }
}

fn blocked(facts: &ManagementFacts, notes: &mut Notes) {
    let connections = notes.answer(Area::Broker, "blocked connections", &facts.connections);
    for connection in connections.into_iter().flatten() {
        if matches!(connection.state.as_str(), "blocked" | "blocking") {
            notes.add(BLOCKED.found(
                &connection.name,
                format!("a connection of user {} is blocked", connection.user),
                "an alarm of a node blocks it; what ends the alarm ends this",
            ));
        }
    }
}
