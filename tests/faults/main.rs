//! Several server processes over a real PostgreSQL and a real Redis, behind a load balancer, killed and stopped.

mod cluster;
mod comings;
mod sessions;
