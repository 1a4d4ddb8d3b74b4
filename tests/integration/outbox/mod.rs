//! `fanout outbox` against PostgreSQL and RabbitMQ.

mod crashes;
mod operation;
mod order;
mod outages;
mod refusals;
mod rig;
mod setup;
mod tls;
