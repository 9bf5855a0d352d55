//! Several server processes over a real PostgreSQL and a real Redis, behind a load balancer: killed, stopped, and cut
//! off from what they need.

mod broken;
mod busy;
mod cluster;
mod comings;
mod failover;
mod people;
mod redis;
mod sessions;
mod standbys;
mod stopping;
