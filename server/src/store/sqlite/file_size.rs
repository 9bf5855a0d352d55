//! The limit on a file's size, which ends a process that has not asked for anything else.

/// Has the limit on a file's size, where there is one, fail a write instead of ending the process. That holds
/// for the whole process and cannot be taken back.
pub(super) fn outlive_the_file_size_limit() -> std::io::Result<()> {
    #[cfg(unix)]
    drop(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(libc::SIGXFSZ))?);
    Ok(())
}
