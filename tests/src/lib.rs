//! Simulation, end-to-end and fault tests of Interline
