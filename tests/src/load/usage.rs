//! What processes use, as Linux tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use interline_services::Postgres;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The machine and how busy it is, for whoever reads figures.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let models = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = models.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let model = model.map_or("unknown processors", |(_, model)| model);
    let built = if cfg!(debug_assertions) { "debug" } else { "release" };
    format!("{cores} cores ({model}), load average {}, {built} build", load.join(" "))
}

/// As many open files as the system lets this process have, and those that it starts.
pub(super) fn allow_many_files() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).with_context(|| format!("{path} cannot be read: this is measured on Linux"))
}

/// The fields of a process's `stat` behind its name, from its state on.
fn stat(pid: u32) -> Result<Vec<String>> {
    let stat = read(pid, "stat")?;
    let (_, fields) = stat.rsplit_once(") ").context("a name in brackets")?;
    Ok(fields.split_whitespace().map(str::to_owned).collect())
}

fn ticks(fields: &[String], at: std::ops::Range<usize>) -> Result<Duration> {
    let ticks = fields.get(at).context("times")?.iter().map(|field| field.parse::<u64>());
    let ticks = ticks.sum::<Result<u64, _>>()?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// The processor time that a process has used.
pub(super) fn cpu(pid: u32) -> Result<Duration> {
    ticks(&stat(pid)?, 11..13)
}

/// A line of `status` or `io`, in its own unit.
fn line(pid: u32, file: &str, name: &str) -> Result<u64> {
    let text = read(pid, file)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = value.and_then(|value| value.split_whitespace().next());
    Ok(value.with_context(|| format!("no {name} of process {pid}"))?.parse()?)
}

/// Memory that a process has, in bytes.
pub(super) fn memory(pid: u32) -> Result<u64> {
    Ok(line(pid, "status", "VmRSS")? << 10)
}

/// How many files a process has open, sockets among them.
pub(super) fn files(pid: u32) -> Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd")).context("this is measured on Linux")?.count() as u64)
}

/// What all processes of a PostgreSQL have used since it started.
#[derive(Clone, Default, Debug)]
pub(super) struct Database {
    pub(super) cpu: Duration,
    /// Bytes that went to disks, by each process that is there.
    written: BTreeMap<u32, u64>,
    /// Bytes of its log.
    pub(super) wal: u64,
    /// Transactions in this database that were committed.
    pub(super) commits: u64,
    /// How large this database is.
    pub(super) size: u64,
}

impl Database {
    pub(super) fn now(postgres: &Postgres, name: &str) -> Result<Database> {
        let pids = postgres.sql(name, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")?;
        let pids = pids.lines().map(|pid| Ok(pid.trim().parse()?)).collect::<Result<BTreeSet<u32>>>()?;
        let mut usage = Database::default();
        let mut parents = BTreeSet::new();
        // One may just have ended; then its parent has its times.
        for (pid, fields) in pids.iter().filter_map(|pid| Some((*pid, stat(pid.to_owned()).ok()?))) {
            usage.cpu += ticks(&fields, 11..13)?;
            usage.written.insert(pid, line(pid, "io", "write_bytes")?);
            parents.insert(fields[1].parse::<u32>()?);
        }
        ensure!(parents.len() == 1, "PostgreSQL's processes have {} parents", parents.len());
        for parent in parents {
            // Its own, and those of processes that have ended.
            usage.cpu += ticks(&stat(parent)?, 11..15)?;
        }
        let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint, xact_commit, \
                   pg_database_size(datname) FROM pg_stat_database WHERE datname = current_database()";
        let row = postgres.sql(name, sql)?;
        let numbers = row.split('|').map(str::parse).collect::<Result<Vec<u64>, _>>()?;
        let [wal, commits, size] = numbers[..].try_into().context("three numbers")?;
        Ok(Database { wal, commits, size, ..usage })
    }

    /// Bytes that went to disks.
    pub(super) fn written(&self) -> u64 {
        self.written.values().sum()
    }

    /// What came since then.
    pub(super) fn since(&self, then: &Database) -> Database {
        // Processes come and go; what those wrote that have gone meanwhile is not known.
        let before = |pid| then.written.get(pid).copied().unwrap_or_default();
        Database {
            cpu: self.cpu.saturating_sub(then.cpu),
            written: self.written.iter().map(|(pid, now)| (*pid, now.saturating_sub(before(pid)))).collect(),
            wal: self.wal.saturating_sub(then.wal),
            commits: self.commits.saturating_sub(then.commits),
            size: self.size.saturating_sub(then.size),
        }
    }
}
